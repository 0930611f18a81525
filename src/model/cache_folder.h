// cache_folder.h: where what can be made again is kept between processes: digests of files,
// compiled models, measured layouts.
// Threads: any.
#ifndef PLO_MODEL_CACHE_FOLDER_H
#define PLO_MODEL_CACHE_FOLDER_H

// $PIPILO_CACHE, else $XDG_CACHE_HOME/pipilo, else ~/.cache/pipilo; it need not exist. NULL where
// PIPILO_CACHE is 0, where none of them is an absolute path, and when out of memory: nothing is
// kept then. The caller frees it.
char *plo_cache_folder(void);

// The folder's file or folder `name`; NULL as above.
char *plo_cache_path(const char *name);

#endif
