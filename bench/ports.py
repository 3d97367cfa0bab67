"""Where the yardsticks listen: beside the measured platform, which is moved away from the usual ports."""

OFFSET = 1300
HELLO, HOP_FRONT, HOP = 8090 + OFFSET, 8091 + OFFSET, 8092 + OFFSET
