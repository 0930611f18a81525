// resize.h: the two passes of a resize over rows that come one after the other. Each pass rounds to
// 8 bits, in the order in which Pillow makes them. Rows are let go as soon as no output needs them,
// so the memory is a few rows, not the picture.
//
// Threads: a resize belongs to one thread.
#ifndef PLO_IMAGE_RESIZE_H
#define PLO_IMAGE_RESIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/axis.h"
#include "image/kernels.h"

// A resize of rows as stored into a window of the upright picture.
//
//     plo_resize_init(&resize, &request, scratch, err);
//     for (y = resize.first; y < resize.end; y++)
//         plo_resize_push(&resize, row y);
struct plo_resize_request {
    uint32_t stored_width, stored_height;
    uint8_t orientation;                  // EXIF's: from stored to upright
    uint32_t target_width, target_height; // the whole upright picture is resized to this
    uint32_t left, top, width, height;    // the window, inside the target
    enum plo_filter filter;
    uint8_t *out;  // where the window's first pixel goes
    size_t stride; // bytes from row to row
};

struct plo_resize {
    uint32_t first, end; // the stored rows that matter

    const struct plo_kernels *kernels;
    struct plo_resize_request request;
    struct plo_axis across, down; // along the stored rows, and from row to row
    bool transposed;              // the upright picture's rows are the stored columns
    bool down_first;              // the pass from row to row comes first
    bool backwards;               // the upright picture's order is from the last stored row
    uint8_t *ring, *line, *result;
    size_t ring_stride;
    uint32_t ring_rows;
    uint32_t row;  // the next stored row
    uint32_t done; // outputs along `down` that are finished
    const uint8_t **sources;
};

int plo_resize_init(struct plo_resize *resize, const struct plo_resize_request *request,
                    struct plo_image_scratch *scratch, struct pipilo_error *err);
void plo_resize_push(struct plo_resize *resize, const uint8_t *row);

// Bytes plo_resize_init will take.
uint64_t plo_resize_need(const struct plo_resize_request *request);

// Which stored directions an orientation turns: the picture is transposed first, then mirrored.
// In stored coordinates: `mirror_x` = the upright order along stored rows is right to left.
void plo_orientation_split(uint8_t orientation, bool *transposed, bool *mirror_x, bool *mirror_y);

#endif
