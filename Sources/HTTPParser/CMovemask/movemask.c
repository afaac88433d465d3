#include "movemask.h"
typedef int movemask_is_header_only;
