/* A library that a program did not ask for. */
int preloaded_nothing;
