#include "crc.h"

int main(void)
{
	printf("%08lx\n", crc_of(stdin));
	return 0;
}
