// Placeholder: by-value vector helpers for the parser.
#ifndef MOVEMASK_H
#define MOVEMASK_H
#endif
