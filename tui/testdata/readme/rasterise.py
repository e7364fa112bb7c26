#!/usr/bin/env python3
"""Draws a terminal's screen, as text with ANSI styles on standard input, to a PNG.

Usage: rasterise.py OUT.png COLSxROWS < screen.txt

Letters come from DejaVu Sans Mono. Braille, blocks and box lines are drawn here,
so that they meet at the edges of their cells whatever the font. Needs Pillow.
"""
import glob
import re
import sys
import unicodedata

from PIL import Image, ImageDraw, ImageFont

CELL_W, CELL_H, SIZE = 18, 38, 29
FG, BG = (216, 222, 228), (16, 20, 26)
BASIC = [(40, 44, 52), (224, 108, 117), (152, 195, 121), (209, 154, 102), (97, 149, 239), (198, 120, 221), (66, 182, 194), (190, 197, 208),
         (110, 118, 130), (240, 140, 148), (180, 220, 150), (240, 200, 120), (130, 180, 255), (220, 160, 240), (100, 215, 225), (255, 255, 255)]


def font(name):
    for pattern in ("/usr/share/fonts/truetype/dejavu/", "/usr/share/fonts/**/", "/usr/local/share/fonts/**/"):
        for path in glob.glob(pattern + name + ".ttf", recursive=True):
            return ImageFont.truetype(path, SIZE)
    sys.exit(f"rasterise.py: no {name}.ttf found, expected it from the package fonts-dejavu-core")


def indexed(i):
    if i < 16:
        return BASIC[i]
    if i >= 232:
        return (8 + 10 * (i - 232),) * 3
    i -= 16
    return tuple(0 if v == 0 else 55 + 40 * v for v in (i // 36, i // 6 % 6, i % 6))


class Style:
    def __init__(self):
        self.reset()

    def reset(self):
        self.fg = self.bg = None
        self.bold = self.faint = self.under = self.rev = False

    def sgr(self, params):
        p = [int(x or 0) for x in params.replace(":", ";").split(";")]
        while p:
            c = p.pop(0)
            if c == 0:
                self.reset()
            elif c == 1:
                self.bold = True
            elif c == 2:
                self.faint = True
            elif c == 4:
                self.under = True
            elif c == 7:
                self.rev = True
            elif c == 22:
                self.bold = self.faint = False
            elif c == 24:
                self.under = False
            elif c == 27:
                self.rev = False
            elif c in (38, 48):
                if p.pop(0) == 5:
                    color = indexed(p.pop(0))
                else:
                    color = (p.pop(0), p.pop(0), p.pop(0))
                if c == 38:
                    self.fg = color
                else:
                    self.bg = color
            elif c == 39:
                self.fg = None
            elif c == 49:
                self.bg = None
            else:
                for base, bright, name in ((30, 0, "fg"), (40, 0, "bg"), (90, 8, "fg"), (100, 8, "bg")):
                    if base <= c < base + 8:
                        setattr(self, name, BASIC[c - base + bright])

    def colors(self):
        fg, bg = self.fg or FG, self.bg or BG
        if self.rev:
            fg, bg = bg, fg
        if self.faint:
            fg = tuple((2 * a + b) // 3 for a, b in zip(fg, bg))
        return fg, bg


# Arms of the box characters: left, right, up, down; 2 is heavy.
BOX = {"─": "1100", "│": "0011", "┌": "0101", "┐": "1001", "└": "0110", "┘": "1010", "┴": "1110",
       "━": "2200", "┃": "0022", "┏": "0202", "┓": "2002", "┗": "0220", "┛": "2020"}
QUARTERS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"


def special(draw, c, x, y, fg, bg):
    """Draws c when it is a braille, block or box character."""
    code = ord(c)
    if 0x2800 <= code < 0x2900:
        order = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
        for bit, (cx, cy) in enumerate(order):
            if code - 0x2800 >> bit & 1:
                px, py = x + (2 * cx + 1) * CELL_W / 4, y + (2 * cy + 1) * CELL_H / 8
                draw.ellipse((px - 2.6, py - 2.6, px + 2.6, py + 2.6), fill=fg)
        return True
    if "▁" <= c <= "█":
        h = CELL_H * (code - 0x2580) / 8
        draw.rectangle((x, y + CELL_H - h, x + CELL_W - 1, y + CELL_H - 1), fill=fg)
        return True
    if c == "░":
        draw.rectangle((x, y + CELL_H * .35, x + CELL_W - 1, y + CELL_H * .65), fill=tuple((a + 4 * b) // 5 for a, b in zip(fg, bg)))
        return True
    if c in QUARTERS and c != " ":
        mask = QUARTERS.index(c)
        for bit in range(4):
            if mask >> bit & 1:
                qx, qy = x + bit % 2 * CELL_W / 2, y + bit // 2 * CELL_H / 2
                draw.rectangle((qx, qy, qx + CELL_W / 2 - 1, qy + CELL_H / 2 - 1), fill=fg)
        return True
    if c in BOX:
        mx, my = x + CELL_W // 2, y + CELL_H // 2
        for arm, (x1, y1) in zip(BOX[c], ((x, my), (x + CELL_W, my), (mx, y), (mx, y + CELL_H))):
            if arm != "0":
                draw.line((mx, my, x1, y1), fill=fg, width=2 if arm == "1" else 5)
        return True
    if c == "┊":
        mx = x + CELL_W // 2
        for i in range(4):
            draw.line((mx, y + i * CELL_H / 4 + 2, mx, y + i * CELL_H / 4 + 6), fill=fg, width=2)
        return True
    return False


def main():
    if len(sys.argv) != 3 or not re.fullmatch(r"\d+x\d+", sys.argv[2]):
        sys.exit(__doc__)
    cols, rows = map(int, sys.argv[2].split("x"))
    pad = 14
    image = Image.new("RGB", (cols * CELL_W + 2 * pad, rows * CELL_H + 2 * pad), BG)
    draw = ImageDraw.Draw(image)
    regular, bold = font("DejaVuSansMono"), font("DejaVuSansMono-Bold")
    style = Style()
    for row, line in enumerate(sys.stdin.read().split("\n")[:rows]):
        col, y = 0, pad + row * CELL_H
        for m in re.finditer(r"\x1b\[([0-9;:]*)m|\x1b\[[^a-zA-Z]*[a-zA-Z]|\x1b[()].|(.)", line, re.S):
            if m.group(1) is not None:
                style.sgr(m.group(1))
                continue
            c = m.group(2)
            if c is None or unicodedata.combining(c) or c < " " or col >= cols:
                continue
            wide = 2 if unicodedata.east_asian_width(c) in "WF" else 1
            x, (fg, bg) = pad + col * CELL_W, style.colors()
            draw.rectangle((x, y, x + wide * CELL_W - 1, y + CELL_H - 1), fill=bg)
            if c != " " and not special(draw, c, x, y, fg, bg):
                draw.text((x, y + 2), c, font=bold if style.bold else regular, fill=fg)
            if style.under:
                draw.line((x, y + CELL_H - 4, x + wide * CELL_W - 1, y + CELL_H - 4), fill=fg, width=2)
            col += wide
    image.resize((image.width * 2 // 3, image.height * 2 // 3), Image.LANCZOS).save(sys.argv[1], optimize=True)


main()
