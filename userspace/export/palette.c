// SPDX-License-Identifier: Apache-2.0
#include "export/palette.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SHADES       6
#define SWATCH_SHADE 2
#define LIBRARY_HUES 20

static const struct {
	uint16_t hue, hue_step;
	uint8_t saturation, lightness, lightness_step;
} kinds[] = {
	[FRAME_APP] = {20,  4, 84, 68, 2},
          [FRAME_LIBRARY] = {0,   0, 42, 70, 2},
	[FRAME_JIT] = {80,  0, 50, 70, 2},
          [FRAME_KERNEL] = {216, 0, 64, 70, 2},
	[FRAME_UNKNOWN] = {270, 0, 10, 70, 2},
          [FRAME_CODE] = {20,  4, 84, 68, 2},
};

static uint32_t hash(const char *text, size_t length)
{
	uint32_t hash = 2166136261u;

	while (length--)
		hash = (hash ^ (unsigned char)*text++) * 16777619u;
	return hash ^ hash >> 15;
}

static uint32_t library_hue(const char *module)
{
	const char *ending = strstr(module, ".so");
	size_t length = ending ? (size_t)(ending - module) + 3 : strlen(module);
	uint32_t k = hash(module, length) % LIBRARY_HUES;

	return k < LIBRARY_HUES / 2 ? 100 + 10 * k : 150 + 10 * k;
}

/* CSS Color 4, "Converting HSL Colors to sRGB". */
static unsigned int channel(double n, double hue, double saturation, double lightness)
{
	double k = fmod(n + hue / 30, 12), a = saturation * fmin(lightness, 1 - lightness);

	return lround(255 * (lightness - a * fmax(-1, fmin(fmin(k - 3, 9 - k), 1))));
}

static void put(enum frame_kind kind, const char *module, uint32_t shade,
		char colour[PALETTE_BYTES])
{
	double hue, saturation, lightness;

	if (kind == FRAME_NOTE) {
		strcpy(colour, "url(#hatch)");
		return;
	}
	hue = kind == FRAME_LIBRARY ? library_hue(module)
				    : kinds[kind].hue + shade * kinds[kind].hue_step;
	saturation = kinds[kind].saturation / 100.0;
	lightness = (kinds[kind].lightness + shade * kinds[kind].lightness_step) / 100.0;
	snprintf(colour, PALETTE_BYTES, "#%02x%02x%02x", channel(0, hue, saturation, lightness),
		 channel(8, hue, saturation, lightness), channel(4, hue, saturation, lightness));
}

void palette__frame(enum frame_kind kind, const char *module, const char *name,
		    char colour[PALETTE_BYTES])
{
	put(kind, module, hash(name, strlen(name)) % SHADES, colour);
}

void palette__swatch(enum frame_kind kind, const char *module, char colour[PALETTE_BYTES])
{
	put(kind, module, SWATCH_SHADE, colour);
}

const char *palette__change(int step)
{
	static const char *const colours[] = {
		"#6a99e8", "#80a8ec", "#96b7ef", "#acc6f2", "#c2d5f5", "#d8e4f8", "#e4e1db",
		"#f9dcd6", "#f7c6bd", "#f5b0a4", "#f29a8c", "#ef8575", "#eb6f5f",
	};

	return colours[PALETTE_STEPS + step];
}
