/* Drawing on A4 sheets with cairo and pango. Linked into the module "pdf" only. */
#include "report/pdf_sheet.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

#define FOOT_HEIGHT 46.0
#define BOTTOM (PAGE_HEIGHT - MARGIN - FOOT_HEIGHT)
#define LABEL_WIDTH 86.0

static const struct {
    double size_pt;
    PangoWeight weight;
} styles[STYLE_N] = {
    [STYLE_SITE] = {15, PANGO_WEIGHT_BOLD},    [STYLE_FINDING] = {20, PANGO_WEIGHT_BOLD},
    [STYLE_SECTION] = {10, PANGO_WEIGHT_BOLD}, [STYLE_LABEL] = {9, PANGO_WEIGHT_NORMAL},
    [STYLE_BODY] = {9, PANGO_WEIGHT_NORMAL},   [STYLE_SMALL] = {7, PANGO_WEIGHT_NORMAL},
};

static const double inks[][3] = {
    [INK_BLACK] = {0.08, 0.09, 0.11}, [INK_GREY] = {0.38, 0.41, 0.45}, [INK_PALE] = {0.86, 0.88, 0.90},
    [INK_ALARM] = {0.70, 0.10, 0.10}, [INK_CALM] = {0.11, 0.35, 0.50},
};

static void ink_set(struct pdf_sheet *s, enum pdf_ink ink)
{
    cairo_set_source_rgb(s->cr, inks[ink][0], inks[ink][1], inks[ink][2]);
}

enum rc pdf_init(struct pdf_sheet *s, cairo_t *cr, struct err *e)
{
    *s = (struct pdf_sheet){.cr = cr, .site = "", .notice = "", .made = ""};
    s->layout = pango_cairo_create_layout(cr);
    bool fine = s->layout != NULL;
    for (int i = 0; i < STYLE_N; i++) {
        /* Letters that DejaVu lacks come from whatever fonts the machine has. */
        s->font[i] = pango_font_description_from_string("DejaVu Sans, Noto Sans, Sans");
        fine = fine && s->font[i];
        if (!fine)
            break;
        pango_font_description_set_absolute_size(s->font[i], styles[i].size_pt * PANGO_SCALE);
        pango_font_description_set_weight(s->font[i], styles[i].weight);
    }
    if (!fine)
        return err_set(e, ERR_MEMORY, NULL);
    /* Places of glyphs must not depend on a screen's pixels. */
    PangoContext *context = pango_layout_get_context(s->layout);
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    pango_cairo_context_set_font_options(context, options);
    pango_cairo_context_set_resolution(context, 72);
    pango_context_set_base_dir(context, PANGO_DIRECTION_LTR);
    pango_context_set_round_glyph_positions(context, FALSE);
    cairo_font_options_destroy(options);
    pango_layout_set_wrap(s->layout, PANGO_WRAP_WORD_CHAR);
    return RC_OK;
}

void pdf_fini(struct pdf_sheet *s)
{
    for (int i = 0; i < STYLE_N; i++)
        pango_font_description_free(s->font[i]);
    if (s->layout)
        g_object_unref(s->layout);
}

/* Control characters and bidi overrides could make a report read otherwise than it was written. */
static void text_set(struct pdf_sheet *s, enum pdf_style style, double width, bool right, const char *text)
{
    struct buf safe = {0};
    while (*text) {
        char line[1024], piece[256];
        size_t n = strcspn(text, "\n"), take = n < sizeof piece - 1 ? n : sizeof piece - 1;
        while (take < n && take > 1 && ((unsigned char)text[take] & 0xc0) == 0x80)
            take--;
        memcpy(piece, text, take);
        piece[take] = 0;
        buf_puts(&safe, text_safe(line, sizeof line, piece, false));
        text += take;
        if (*text == '\n') {
            buf_putc(&safe, '\n');
            text++;
        }
    }
    pango_layout_set_font_description(s->layout, s->font[style]);
    pango_layout_set_width(s->layout, (int)(width * PANGO_SCALE));
    pango_layout_set_alignment(s->layout, right ? PANGO_ALIGN_RIGHT : PANGO_ALIGN_LEFT);
    pango_layout_set_auto_dir(s->layout, s->prose);
    pango_layout_set_text(s->layout, safe.data && !safe.failed ? safe.data : "", -1);
    buf_free(&safe);
}

double pdf_text(struct pdf_sheet *s, enum pdf_style style, enum pdf_ink ink, double x, double y, double width,
                bool right, const char *text)
{
    int height = 0;
    if (!*text)
        return 0;
    text_set(s, style, width, right, text);
    pango_layout_get_size(s->layout, NULL, &height);
    if (!s->dry) {
        ink_set(s, ink);
        cairo_move_to(s->cr, x, y);
        pango_cairo_show_layout(s->cr, s->layout);
    }
    return (double)height / PANGO_SCALE;
}

void pdf_line(struct pdf_sheet *s, double x, double y, double width)
{
    if (s->dry)
        return;
    ink_set(s, INK_GREY);
    cairo_set_line_width(s->cr, 0.6);
    cairo_move_to(s->cr, x, y);
    cairo_rel_line_to(s->cr, width, 0);
    cairo_stroke(s->cr);
}

void pdf_rule(struct pdf_sheet *s, double y)
{
    pdf_line(s, MARGIN, y, TEXT_WIDTH);
}

void pdf_bar(struct pdf_sheet *s, double x, double y, double width, double height, double share, double mark,
             enum pdf_ink ink)
{
    if (s->dry)
        return;
    if (!(share >= 0))
        share = 0;
    ink_set(s, INK_PALE);
    cairo_rectangle(s->cr, x, y, width, height);
    cairo_fill(s->cr);
    ink_set(s, ink);
    cairo_rectangle(s->cr, x, y, width * fmin(share, 1), height);
    cairo_fill(s->cr);
    if (mark >= 0 && mark <= 1) {
        ink_set(s, INK_BLACK);
        cairo_set_line_width(s->cr, 1.2);
        cairo_move_to(s->cr, x + width * mark, y - 2.5);
        cairo_rel_line_to(s->cr, 0, height + 5);
        cairo_stroke(s->cr);
    }
}

static void stamp_void(struct pdf_sheet *s)
{
    int width = 0, height = 0;
    PangoFontDescription *font = pango_font_description_copy(s->font[STYLE_SITE]);
    pango_font_description_set_absolute_size(font, 200 * PANGO_SCALE);
    pango_layout_set_font_description(s->layout, font);
    pango_layout_set_width(s->layout, -1);
    pango_layout_set_text(s->layout, "VOID", -1);
    pango_layout_get_size(s->layout, &width, &height);
    cairo_save(s->cr);
    cairo_translate(s->cr, PAGE_WIDTH / 2, PAGE_HEIGHT / 2);
    cairo_rotate(s->cr, -0.85);
    cairo_set_source_rgba(s->cr, 0.75, 0.05, 0.05, 0.28);
    cairo_move_to(s->cr, -0.5 * width / PANGO_SCALE, -0.5 * height / PANGO_SCALE);
    pango_cairo_show_layout(s->cr, s->layout);
    cairo_restore(s->cr);
    pango_font_description_free(font);
}

void pdf_page_begin(struct pdf_sheet *s, bool first)
{
    char line[120];
    s->page++;
    s->y = MARGIN;
    if (first) {
        double left = pdf_text(s, STYLE_SITE, INK_BLACK, MARGIN, s->y, TEXT_WIDTH * 0.64, false, s->site);
        double right = pdf_text(s, STYLE_BODY, INK_GREY, MARGIN + TEXT_WIDTH * 0.66, s->y + 1, TEXT_WIDTH * 0.34, true,
                                "Image analysis report");
        right += pdf_text(s, STYLE_SECTION, INK_BLACK, MARGIN + TEXT_WIDTH * 0.66, s->y + 1 + right, TEXT_WIDTH * 0.34,
                          true, s->title);
        s->y += fmax(left, right + 1) + 6;
    } else {
        str_format(line, sizeof line, "%s, continued", s->title);
        s->y += pdf_text(s, STYLE_SECTION, INK_GREY, MARGIN, s->y, TEXT_WIDTH, false, line) + 4;
    }
    pdf_rule(s, s->y);
    s->y += 8;
}

void pdf_page_end(struct pdf_sheet *s)
{
    char line[160];
    double y = PAGE_HEIGHT - MARGIN - FOOT_HEIGHT + 10;
    pdf_rule(s, y);
    double notice = pdf_text(s, STYLE_BODY, INK_BLACK, MARGIN, y + 4, TEXT_WIDTH, false, s->notice);
    str_format(line, sizeof line, "%s   made %s", s->title, s->made);
    pdf_text(s, STYLE_SMALL, INK_GREY, MARGIN, y + 7 + notice, TEXT_WIDTH * 0.7, false, line);
    str_format(line, sizeof line, "Page %d of %d", s->page, s->pages);
    pdf_text(s, STYLE_SMALL, INK_GREY, MARGIN + TEXT_WIDTH * 0.7, y + 7 + notice, TEXT_WIDTH * 0.3, true, line);
    if (s->dry)
        return;
    if (s->voided)
        stamp_void(s);
    cairo_show_page(s->cr);
}

void pdf_need(struct pdf_sheet *s, double height)
{
    if (s->y + height <= BOTTOM)
        return;
    pdf_page_end(s);
    pdf_page_begin(s, false);
}

void pdf_flow(struct pdf_sheet *s, enum pdf_style style, enum pdf_ink ink, double x, double width, const char *text)
{
    if (!*text)
        return;
    text_set(s, style, width, false, text);
    /* Breaking a page writes headings with the same layout: the lines are taken from a copy. */
    PangoLayout *lines = pango_layout_copy(s->layout);
    PangoLayoutIter *at = pango_layout_get_iter(lines);
    do {
        PangoRectangle box;
        pango_layout_iter_get_line_extents(at, NULL, &box);
        double height = (double)box.height / PANGO_SCALE;
        double rise = (double)(pango_layout_iter_get_baseline(at) - box.y) / PANGO_SCALE;
        pdf_need(s, height);
        if (!s->dry) {
            ink_set(s, ink);
            cairo_move_to(s->cr, x + (double)box.x / PANGO_SCALE, s->y + rise);
            pango_cairo_show_layout_line(s->cr, pango_layout_iter_get_line_readonly(at));
        }
        s->y += height;
    } while (pango_layout_iter_next_line(at));
    pango_layout_iter_free(at);
    g_object_unref(lines);
}

void pdf_section(struct pdf_sheet *s, const char *title)
{
    pdf_need(s, 40); /* never alone at the foot of a page */
    s->y += 9;
    s->y += pdf_text(s, STYLE_SECTION, INK_CALM, MARGIN, s->y, TEXT_WIDTH, false, title) + 3;
}

void pdf_row(struct pdf_sheet *s, const char *label, const char *text)
{
    if (!*text)
        return;
    pdf_need(s, 14);
    pdf_text(s, STYLE_LABEL, INK_GREY, MARGIN, s->y, LABEL_WIDTH, false, label);
    pdf_flow(s, STYLE_BODY, INK_BLACK, MARGIN + LABEL_WIDTH, TEXT_WIDTH - LABEL_WIDTH, text);
    s->y += 2;
}
