// vips.h: what the helper that has libvips alone needs of vips.c.
#ifndef PLO_IMAGE_CODECS_VIPS_H
#define PLO_IMAGE_CODECS_VIPS_H

#include <pipilo/error.h>

// Opens libvips and all it would open later.
int plo_vips_prepare(struct pipilo_error *err);

#endif
