/* Keeps notes in a database when SQLite is there. Nothing in the program's header says so: the
 * library is opened by name while it runs. */
#include <dlfcn.h>
#include <stdio.h>

int main(void)
{
	void *sqlite = dlopen("libsqlite3.so.0", RTLD_NOW);
	if (!sqlite) {
		fprintf(stderr, "no notes today: %s\n", dlerror());
		return 1;
	}
	const char *(*version)(void) = (const char *(*)(void))dlsym(sqlite, "sqlite3_libversion");
	if (!version)
		return 1;
	printf("notes are kept by SQLite %s\n", version());
	return 0;
}
