/* A4 sheets that text flows over. Lengths in points (1/72 inch), y from the top. */
#ifndef CLINIC_REPORT_PDF_SHEET_H
#define CLINIC_REPORT_PDF_SHEET_H

#include "report.h"
#include <pango/pangocairo.h>

#define PAGE_WIDTH 595.28
#define PAGE_HEIGHT 841.89
#define MARGIN 46.0
#define TEXT_WIDTH (PAGE_WIDTH - 2 * MARGIN)

enum pdf_style { STYLE_SITE, STYLE_FINDING, STYLE_SECTION, STYLE_LABEL, STYLE_BODY, STYLE_SMALL, STYLE_N };
enum pdf_ink { INK_BLACK, INK_GREY, INK_PALE, INK_ALARM, INK_CALM };

/* The same calls are made twice: dry, to count the pages, then with ink, when the total is known. */
struct pdf_sheet {
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
enum rc pdf_init(struct pdf_sheet *s, cairo_t *cr, struct err *e) MUST_USE;
void pdf_fini(struct pdf_sheet *s);
void pdf_page_begin(struct pdf_sheet *s, bool first);
void pdf_page_end(struct pdf_sheet *s);
/* Goes on to the next page unless height fits on this one. */
void pdf_need(struct pdf_sheet *s, double height);

/* One block at a place; returns its height. right: flush right. */
double pdf_text(struct pdf_sheet *s, enum pdf_style style, enum pdf_ink ink, double x, double y, double width,
                bool right, const char *text);
/* Text from s->y on, over as many pages as it takes. Line ends are kept. */
void pdf_flow(struct pdf_sheet *s, enum pdf_style style, enum pdf_ink ink, double x, double width, const char *text);
void pdf_section(struct pdf_sheet *s, const char *title);
/* A label and its flowing text; nothing when the text is empty. */
void pdf_row(struct pdf_sheet *s, const char *label, const char *text);
void pdf_rule(struct pdf_sheet *s, double y);
void pdf_line(struct pdf_sheet *s, double x, double y, double width);
/* share 0..1; mark: a tick at this share, none when negative. */
void pdf_bar(struct pdf_sheet *s, double x, double y, double width, double height, double share, double mark,
             enum pdf_ink ink);

#endif
