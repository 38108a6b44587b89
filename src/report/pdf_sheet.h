/* A4 sheets that text flows over. Lengths in points (1/72 inch), y from the top. */
#ifndef CLINIC_REPORT_PDF_SHEET_H
#define CLINIC_REPORT_PDF_SHEET_H

#include "report.h"
#include <pango/pangocairo.h>

#define PAGE_WIDTH 595.28
#define PAGE_HEIGHT 841.89
#define MARGIN 46.0
#define TEXT_WIDTH (PAGE_WIDTH - 2 * MARGIN)

enum sheet_style { STYLE_SITE, STYLE_FINDING, STYLE_SECTION, STYLE_LABEL, STYLE_BODY, STYLE_SMALL, STYLE_N };
enum sheet_ink { INK_BLACK, INK_GREY, INK_PALE, INK_ALARM, INK_CALM };

/* The same calls are made twice: dry, to count the pages, then with ink, when the total is known. */
struct sheet {
    cairo_t *cr;
    PangoLayout *layout;
    PangoFontDescription *font[STYLE_N];
    bool dry;
    bool prose; /* a person's own words: each paragraph runs as its script does; the form itself runs left to right */
    double y;
    int page, pages;
    const char *site, *notice, *made; /* of every footer; borrowed */
    char title[80];                   /* "Result 000871" */
    bool voided;                      /* shown across every page */
};
enum rc sheet_init(struct sheet *s, cairo_t *cr, struct err *e) MUST_USE;
void sheet_fini(struct sheet *s);
void sheet_page_begin(struct sheet *s, bool first);
void sheet_page_end(struct sheet *s);
/* Goes on to the next page unless height fits on this one. */
void sheet_need(struct sheet *s, double height);

/* One block at a place; returns its height. right: flush right. */
double sheet_text(struct sheet *s, enum sheet_style style, enum sheet_ink ink, double x, double y, double width,
                  bool right, const char *text);
/* Text from s->y on, over as many pages as it takes. Line ends are kept. */
void sheet_flow(struct sheet *s, enum sheet_style style, enum sheet_ink ink, double x, double width, const char *text);
void sheet_section(struct sheet *s, const char *title);
/* A label and its flowing text; nothing when the text is empty. */
void sheet_row(struct sheet *s, const char *label, const char *text);
void sheet_rule(struct sheet *s, double y);
void sheet_line(struct sheet *s, double x, double y, double width);
/* share 0..1; mark: a tick at this share, none when negative. */
void sheet_bar(struct sheet *s, double x, double y, double width, double height, double share, double mark,
               enum sheet_ink ink);

#endif
