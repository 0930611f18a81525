// relay.h: standard input that a signal can end.
//
// Names from standard input are read inside the library, where a read that waits for the next one
// cannot be called back. So standard input becomes a pipe that a thread fills; when a signal comes
// the thread stops the run and closes the pipe, and the read ends.
#ifndef CLI_RELAY_H
#define CLI_RELAY_H

// From here on standard input comes through the relay, which lives as long as the program. Where
// there are no means for it things stay as they are. Call it behind signals_catch.
void relay_start(void);

#endif
