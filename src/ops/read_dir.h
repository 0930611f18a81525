// read_dir.h: what read_dir passed over, in the whole process since its start. Threads: any.
#ifndef PLO_OPS_READ_DIR_H
#define PLO_OPS_READ_DIR_H

#include <stdint.h>

struct plo_read_dir_skipped {
    uint64_t hidden, other, irregular; // loops are irregular
    uint64_t unchanged;                // an update had them already
    uint64_t members;                  // of archives, dropped or cut
    uint64_t resumed, resumed_errors;  // rows that a run that was stopped had made already
};

void plo_read_dir_skipped(struct plo_read_dir_skipped *out);

#endif
