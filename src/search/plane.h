// plane.h: vectors to places on a plane that shows which are alike: along the two directions in
// which they differ most (principal components; K. Pearson, 1901). plane.cpp is the one file that
// knows the libraries, Spectra for the directions and Eigen for the arithmetic.
//
// Threads: any.
#ifndef PLO_SEARCH_PLANE_H
#define PLO_SEARCH_PLANE_H

#include <stddef.h>

#include <pipilo/error.h>

#ifdef __cplusplus
extern "C" {
#endif

// Places of `count` vectors of `dim` floats each, x and y one behind the other; of one vector, and
// of vectors that are all the same, they are 0. Which way an axis points is nothing but the
// library's choice, the same each time for the same vectors. `vectors` is changed: their mean is
// taken off. The directions are good to 1e-4, less where many differ as little from one another as
// those of noise. `stop` is asked now and then and ends it with what is not 0; it may be NULL.
// Errors: PIPILO_ECANCELED (`stop`), PIPILO_ENOMEM, PIPILO_EINTERNAL (the libraries give up).
int plo_plane_project(float *places, float *vectors, size_t count, size_t dim,
                      int (*stop)(void *cookie), void *cookie, struct pipilo_error *err);

#ifdef __cplusplus
}
#endif
#endif
