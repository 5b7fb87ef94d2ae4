/* Prints the versions of the three libraries it is linked to. */
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <zlib.h>

int main(void)
{
	printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
	printf("zlib %s\n", zlibVersion());
	printf("%s\n", curl_version());
	return 0;
}
