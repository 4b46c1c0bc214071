# Says in one shared file that it is at work, again and again: its side, its pid, a time that only
# goes on, and a word. The file is opened to append, so that no line is ever torn or lost, and the
# lines of all stand in the order in which they were written.
import os
import signal
import sys
import time

side = sys.argv[1]
beats = os.open('beats.log', os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def say(word):
    os.write(beats, f'{side} {os.getpid()} {time.monotonic_ns()} {word}\n'.encode())


def end(*_):
    say('end')
    os._exit(0)


signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
say('start')
if os.path.exists(side + '.broken'):
    say('end')
    os._exit(3)
while True:
    if os.path.exists(side + '.sick'):
        # It runs, and does not do its work.
        say('sick')
    else:
        say('beat')
        os.close(os.open(side + '.alive', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    time.sleep(0.01)
