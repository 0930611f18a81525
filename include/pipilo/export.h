// export.h: marks the symbols of the public promise; all others are hidden.
#ifndef PIPILO_EXPORT_H
#define PIPILO_EXPORT_H

#if defined(__GNUC__)
#define PIPILO_API __attribute__((visibility("default")))
#else
#define PIPILO_API
#endif

#endif
