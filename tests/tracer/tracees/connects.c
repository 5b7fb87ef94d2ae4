/* Connects to each of the sockets that are named. */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };
		snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[i]);
		int to = socket(AF_UNIX, SOCK_STREAM, 0);
		if (to < 0 || connect(to, (struct sockaddr *)&address, sizeof address) != 0)
			return 1;
		close(to);
	}
	return 0;
}
