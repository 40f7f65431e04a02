extern int local_stub;
int local_stub;
