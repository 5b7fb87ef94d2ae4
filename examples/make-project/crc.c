#include "crc.h"

#include <zlib.h>

unsigned long crc_of(FILE *stream)
{
	unsigned char buffer[4096];
	unsigned long crc = crc32(0, Z_NULL, 0);
	size_t length;

	while ((length = fread(buffer, 1, sizeof buffer, stream)) > 0)
		crc = crc32(crc, buffer, (unsigned)length);
	return crc;
}
