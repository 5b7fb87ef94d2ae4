#ifndef CRC_H
#define CRC_H

#include <stdio.h>

/* The CRC-32 of what is left to read of a stream. */
unsigned long crc_of(FILE *stream);

#endif
