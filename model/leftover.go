package model

import (
	"fmt"
	"strings"
)

// leftover refuses tensors that the family does not know: a bias or an extra
// norm that were skipped in silence would change every number.
func (b *binder) leftover(ignored []string) error {
	var extra []string
	for _, n := range b.src.names() {
		if !b.used[n] && !ignorable(n, ignored) {
			extra = append(extra, n)
		}
	}
	if len(extra) == 0 {
		return nil
	}
	more := ""
	if len(extra) > 5 {
		more = fmt.Sprintf(" and %d more", len(extra)-5)
		extra = extra[:5]
	}
	return fmt.Errorf("found tensors that %s does not have: %s%s", b.spec.Architecture, quoted(extra), more)
}

func ignorable(name string, suffixes []string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}
