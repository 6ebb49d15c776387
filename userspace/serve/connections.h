/* SPDX-License-Identifier: Apache-2.0 */
/* The connections that there are, what they may hold, and for how long. h2o's own timers go by a
 * clock that can be set, and know nothing of clients that do not read; these here do not ask what a
 * client says, only what it has had of us. What is over a bound is cut: both directions are shut
 * down, and h2o finds the end that it would find had the client gone. On the event loop. */
#ifndef EXOPROF_CONNECTIONS_H
#define EXOPROF_CONNECTIONS_H

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory for answers that are on their way, all clients together. More are refused by 503. */
#define CONNECTIONS_REPLIES_MAX (256UL << 20)

/* How a client got here. */
enum connection_kind {
	CONNECTION_PLAIN,
	CONNECTION_TLS,
	CONNECTION_UNIX_FILE,
	CONNECTION_UNIX_ABSTRACT,
};

/* Why connections were cut. */
enum connection_end {
	CONNECTION_IDLE,    /* for too long without a whole request */
	CONNECTION_CROWDED, /* idle or slow, and others had no room */
	CONNECTION_SLOW,    /* did not read its answer */
	CONNECTION_GREEDY,  /* of too much input that was no request yet, it had most */
	CONNECTION_FICKLE,  /* gave too many requests up */
	CONNECTION_ENDS,
};

struct connections_figures {
	unsigned int open;
	size_t reply_bytes;
	uint64_t cut[CONNECTION_ENDS];
};

struct connections;

/* What an end is called in figures. */
const char *connection_end__name(enum connection_end end);

/* `on_closed` is called each time that one has gone. NULL where memory is short. */
struct connections *connections__new(void (*on_closed)(void *context), void *context);

/* None may be open. NULL is fine. */
void connections__free(struct connections *connections);

void connections__set_max(struct connections *connections, unsigned int max);
unsigned int connections__count(const struct connections *connections);
void connections__figures(const struct connections *connections,
			  struct connections_figures *figures);

/* Whether one more may come in. Where not, the one that has been idle for longest is cut if that is
 * a second or more: who fills all places with connections that ask for nothing keeps nobody out. */
bool connections__has_room(struct connections *connections);

/* Takes care of a socket from now on. False where memory is short, and it is closed. */
bool connections__add(struct connections *connections, h2o_socket_t *sock,
		      enum connection_kind kind);

/* To be called often: cuts what is over its bounds. */
void connections__look(struct connections *connections, h2o_context_t *context);

enum connection_kind connection__kind(const h2o_req_t *req);

/* A request has begun, and ends with its pool. False where there is no room for its answer, and
 * none is to be given, or a 503. */
bool connection__begin_request(h2o_req_t *req);

/* Whether an answer of so many bytes may be held in memory besides those that are. */
bool connection__has_room_for(const h2o_req_t *req, size_t bytes);

/* An answer of so many bytes is on its way from now on, until the request's pool goes. */
void connection__hold_reply(h2o_req_t *req, size_t bytes);

/* Its client gave a request up that was being worked on. */
void connection__count_given_up(const h2o_req_t *req);

#endif
