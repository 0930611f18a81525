// server.h: the helper's side: answers requests until the asking end is gone.
#ifndef PLO_IMAGE_ISOLATE_SERVER_H
#define PLO_IMAGE_ISOLATE_SERVER_H

// `kind` is PLO_HELPER_ROWS or PLO_HELPER_VIPS. Gives up what it does not need, says hello on
// PLO_HELPER_SOCKET and serves. Returns the exit status.
int plo_helper_serve(const char *kind);

#endif
