package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// File is a file of a repository at one commit.
type File struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // bytes; −1 when the listing does not say
	ETag string `json:"etag"` // hash of the contents, SHA-256 or git SHA-1; "" when the listing does not say
}

// listing is a repository at a commit.
type listing struct {
	commit string
	files  []File
}

// maxListing bounds the answer that lists a repository.
const maxListing = 64 << 20

// list asks what a revision is and holds.
func (c *conn) list(ctx context.Context, r Ref) (l listing, err error) {
	at := fmt.Sprintf("%s/api/models/%s/revision/%s?blobs=true", c.o.Endpoint, r.Repo, url.PathEscape(r.Revision))
	err = c.retry(ctx, func() (bool, error) {
		res, err := c.request(ctx, http.MethodGet, at, nil)
		if err != nil {
			return false, err
		}
		defer res.Body.Close()
		data, err := io.ReadAll(io.LimitReader(res.Body, maxListing))
		if err != nil {
			return false, err
		}
		l, err = parseListing(data)
		return false, err
	})
	if err != nil {
		return l, fmt.Errorf("hub: %s: %w", r, err)
	}
	return l, nil
}

// parseListing reads the hub's description of a revision.
func parseListing(data []byte) (listing, error) {
	var in struct {
		SHA      string `json:"sha"`
		Siblings []struct {
			Name string `json:"rfilename"`
			Size *int64 `json:"size"`
			Blob string `json:"blobId"`
			LFS  *struct {
				SHA256 string `json:"sha256"`
				Size   int64  `json:"size"`
			} `json:"lfs"`
		} `json:"siblings"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return listing{}, fmt.Errorf("%w: the listing is no JSON: %w", ErrCorrupt, err)
	}
	if !commitID.MatchString(in.SHA) {
		return listing{}, fmt.Errorf("%w: the listing's sha is %q, expected a commit", ErrCorrupt, in.SHA)
	}
	l := listing{commit: in.SHA}
	for _, s := range in.Siblings {
		if err := checkPath(s.Name); err != nil {
			return listing{}, fmt.Errorf("%w: the listing has a file name that leaves the repository: %w", ErrCorrupt, err)
		}
		f := File{Name: s.Name, Size: -1, ETag: s.Blob}
		if s.Size != nil {
			f.Size = *s.Size
		}
		if s.LFS != nil {
			f.Size, f.ETag = s.LFS.Size, s.LFS.SHA256
		}
		l.files = append(l.files, f)
	}
	return l, nil
}

// at is the address of a file's contents.
func (c *conn) at(r Ref, commit, name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return fmt.Sprintf("%s/%s/resolve/%s/%s", c.o.Endpoint, r.Repo, commit, strings.Join(parts, "/"))
}

// complete asks for the size and hash of a file whose listing does not have them.
func (c *conn) complete(ctx context.Context, r Ref, commit string, f *File) error {
	if f.Size >= 0 && f.ETag != "" {
		return nil
	}
	return c.retry(ctx, func() (bool, error) {
		h, err := c.head(ctx, c.at(r, commit, f.Name))
		if err != nil {
			return false, err
		}
		f.ETag = strings.Trim(strings.TrimPrefix(or(h.Get("X-Linked-Etag"), h.Get("ETag")), "W/"), `"`)
		f.Size, err = strconv.ParseInt(or(h.Get("X-Linked-Size"), h.Get("Content-Length")), 10, 64)
		if err != nil || f.Size < 0 {
			return false, fmt.Errorf("%w: %s: found no length of the file", ErrCorrupt, f.Name)
		}
		return false, nil
	})
}

// head collects the headers of a file along its redirects, the first of each
// name: the hub's own come before those of the server that holds the contents.
func (c *conn) head(ctx context.Context, at string) (http.Header, error) {
	all := http.Header{}
	client := *c.client
	client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		merge(all, r.Response.Header)
		return keepToken(r, via)
	}
	on := *c
	on.client = &client
	res, err := on.request(ctx, http.MethodHead, at, nil)
	if err != nil {
		return nil, err
	}
	res.Body.Close()
	merge(all, res.Header)
	return all, nil
}

func merge(into, from http.Header) {
	for k, v := range from {
		redirect := from.Get("Location") != "" && k == "Content-Length"
		if _, ok := into[k]; !ok && !redirect {
			into[k] = v
		}
	}
}
