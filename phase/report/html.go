package report

import (
	"bytes"
	_ "embed" // the page's template
	"fmt"
	"html/template"
	"image/color"
	"regexp"
	"strings"
)

//go:embed page.html.tmpl
var pageHTML string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// view is a block as the template takes it.
type view struct {
	Heading     string
	Text        template.HTML
	Caveat      template.HTML
	Keys        []string
	List        []item
	Head        []template.HTML
	Rows        [][]template.HTML
	Name, Title string
	SVG         template.HTML
}

type item struct {
	Text template.HTML
	Keys []string
}

// html prints the page with the pictures in it. svgs are by the figure's name.
func (p *page) html(svgs map[string][]byte) ([]byte, error) {
	var views []view
	for _, x := range p.blocks {
		v := view{Heading: x.heading}
		switch {
		case x.text != nil:
			v.Text, v.Keys = htmlText(x.text.Text), x.text.Keys
		case x.caveat != nil:
			v.Caveat = htmlText(x.caveat.Text)
		case x.list != nil:
			for _, i := range x.list {
				v.List = append(v.List, item{htmlText(i.Text), i.Keys})
			}
		case x.table != nil:
			v.Head = cells(x.table.head)
			for _, r := range x.table.rows {
				v.Rows = append(v.Rows, cells(r))
			}
			v.Keys = x.table.keys
		case x.figure != nil:
			v.Name, v.Title, v.Text, v.Keys = x.figure.Name, x.figure.Title, htmlText(x.figure.Caption), x.figure.Sources
			v.SVG = inline(svgs[x.figure.Name], x.figure.Title)
		}
		views = append(views, v)
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, map[string]any{"Title": p.title, "Blocks": views}); err != nil {
		return nil, fmt.Errorf("report: %s: %w", HTMLFile, err)
	}
	return b.Bytes(), nil
}

func cells(row []string) []template.HTML {
	out := make([]template.HTML, len(row))
	for i, c := range row {
		out[i] = htmlText(c)
	}
	return out
}

// htmlText escapes a text and sets what is in backquotes as code.
func htmlText(s string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(s, "`") {
		if i%2 == 1 {
			b.WriteString("<code>" + template.HTMLEscapeString(part) + "</code>")
		} else {
			b.WriteString(template.HTMLEscapeString(part))
		}
	}
	return template.HTML(b.String()) //nolint:gosec // escaped above
}

// svgHead is what precedes and opens an SVG document.
var svgHead = regexp.MustCompile(`(?s)^.*?<svg width="[^"]*" height="[^"]*" viewBox="([^"]*)"[^>]*>`)

// variables are the page's names of the colours that change in the dark.
var variables = map[color.RGBA]string{paper: "plot", ink: "ink", faint: "faint", grey: "grey"}

func init() {
	for i, c := range series {
		variables[c] = fmt.Sprintf("s%d", i)
	}
	for k, c := range bands {
		variables[c] = strings.TrimSuffix("band-"+k, "-")
	}
	for k, c := range marks {
		variables[c] = strings.TrimSuffix("mark-"+k, "-")
	}
}

// inline makes an SVG part of a page: as wide as its column, read out by its title,
// its colours those of the page.
func inline(svg []byte, title string) template.HTML {
	s := string(svg)
	m := svgHead.FindStringSubmatchIndex(s)
	if m == nil {
		return ""
	}
	s = fmt.Sprintf(`<svg viewBox="%s" role="img" aria-label="%s">`, s[m[2]:m[3]], template.HTMLEscapeString(title)) + s[m[1]:]
	for c, name := range variables {
		s = strings.ReplaceAll(s, fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B), "var(--"+name+")")
	}
	return template.HTML(s) //nolint:gosec // drawn by this package
}
