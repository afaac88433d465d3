/* SwiftPM wants one source file in a C target; everything stands in the header. */
#include "movemask.h"

typedef int movemask_is_header_only;
