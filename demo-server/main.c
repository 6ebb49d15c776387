/* SPDX-License-Identifier: Apache-2.0 */
/* demo-server: a web server with nothing of a profiler in it, to try a profiler on. */
#include <stdlib.h>

#include "options.h"
#include "server.h"

int main(int argc, char **argv)
{
	struct options options;
	struct server *server;
	int err;

	options__parse(&options, argc, argv);
	server = server__open(&options);
	if (!server)
		return EXIT_FAILURE;
	err = server__run(server);
	server__close(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
