// version: the version of these headers. The build reads it from here; nothing else states it.
//
// Versions count as major.minor.patch. Programs built against one minor version run with every
// later one of the same major version. Thread rule: constants only, nothing to guard.
#ifndef PIPILO_VERSION_H
#define PIPILO_VERSION_H

#define PIPILO_VERSION_MAJOR 0
#define PIPILO_VERSION_MINOR 1
#define PIPILO_VERSION_PATCH 0

#endif
