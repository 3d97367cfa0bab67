"""Where the yardsticks listen: beside the measured platform, which is moved away from the usual ports."""

OFFSET = 1300
HELLO, HOP_FRONT, HOP, COLLECTOR = (number + OFFSET for number in (8090, 8091, 8092, 4318))
