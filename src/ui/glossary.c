/* The words on a screen explained: `?` pressed twice. */
#include "ui/app_priv.h"
#include <string.h>

static const struct {
    const char *word, *line;
} glossary[] = {
#define WORD(word, meaning) {word, word ": " meaning},
#include "ui/glossary.def"
#undef WORD
};
_Static_assert(ARRAY_N(glossary) <= WORDS_MAX, "WORDS_MAX is too small");

static bool in_word(char c)
{
    return (c >= 'a' && c <= 'z') || c == '-' || (unsigned char)c >= 0x80;
}

static bool stands_in(const char *line, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = strstr(line, word); at; at = strstr(at + 1, word))
        if ((at == line || !in_word(at[-1])) && !in_word(at[n]))
            return true;
    return false;
}

int glossary_find(const struct grid *g, uint8_t words[WORDS_MAX])
{
    bool taken[ARRAY_N(glossary)] = {false};
    int n = 0;
    for (int i = -1; i < g->rows; i++) { /* -1: the cursor's line before all others */
        struct buf line = {0};
        char folded[4096];
        grid_line(g, i < 0 ? g->cursor_row : i, &line);
        text_fold(folded, sizeof folded, line.data ? line.data : "");
        buf_free(&line);
        for (size_t w = 0; w < ARRAY_N(glossary); w++)
            if (!taken[w] && stands_in(folded, glossary[w].word)) {
                taken[w] = true;
                words[n++] = (uint8_t)w;
            }
    }
    return n;
}

const char *glossary_line(uint8_t word)
{
    return word < ARRAY_N(glossary) ? glossary[word].line : "";
}
