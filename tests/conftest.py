"""What all tests in Python share."""
import signal

# A shell starts what it runs in the background with SIGINT ignored, and every program started from
# there inherits that: Ctrl-C, which some tests send, would reach nobody.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
