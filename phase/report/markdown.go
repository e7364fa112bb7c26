package report

import (
	"fmt"
	"strings"
)

// markdown prints the page.
func (p *page) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", mdText(p.title))
	for _, x := range p.blocks {
		b.WriteByte('\n')
		switch {
		case x.heading != "":
			fmt.Fprintf(&b, "## %s\n", mdText(x.heading))
		case x.text != nil:
			fmt.Fprintf(&b, "%s%s\n", mdText(x.text.Text), mdKeys(x.text.Keys))
		case x.caveat != nil:
			fmt.Fprintf(&b, "> **Caveat.** %s\n", mdText(x.caveat.Text))
		case x.list != nil:
			for _, i := range x.list {
				fmt.Fprintf(&b, "* %s%s\n", mdText(i.Text), mdKeys(i.Keys))
			}
		case x.table != nil:
			x.table.markdown(&b)
		case x.figure != nil:
			fmt.Fprintf(&b, "![%s](%s.png)\n\n**%s.** %s%s\n", mdText(x.figure.Title), x.figure.Name, mdText(x.figure.Title), mdText(x.figure.Caption), mdKeys(x.figure.Sources))
		}
	}
	return b.String()
}

func (t *table) markdown(b *strings.Builder) {
	row := func(cells []string) {
		b.WriteByte('|')
		for _, c := range cells {
			fmt.Fprintf(b, " %s |", mdText(c))
		}
		b.WriteByte('\n')
	}
	row(t.head)
	b.WriteString(strings.Repeat("|---", len(t.head)) + "|\n")
	for _, r := range t.rows {
		row(r)
	}
}

// mdKeys names the keys of report.json behind a text.
func mdKeys(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return " <sub>" + mdText("`"+strings.Join(keys, "` `")+"`") + "</sub>"
}

// mdText escapes what Markdown would read as markup, outside of backquotes.
func mdText(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, "`") {
		if i%2 == 1 {
			b.WriteString("`" + strings.ReplaceAll(part, "|", "\\|") + "`")
			continue
		}
		for _, r := range part {
			if strings.ContainsRune("\\*_[]<>|#", r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}
