#include "ui/app.h"

#define SCREEN(id) extern const struct screen_row screen_##id;
#include "ui/screens.def"
#undef SCREEN

const struct screen_row *const screens[] = {
#define SCREEN(id) &screen_##id,
#include "ui/screens.def"
#undef SCREEN
};
const size_t screens_n = ARRAY_N(screens);
