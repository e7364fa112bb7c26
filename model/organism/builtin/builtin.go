package builtin

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // the organism
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

//go:embed organism.zip
var archive []byte

// Open returns a directory that holds the embedded organism and belongs to
// this build: its name is made from the contents. It is unpacked under cache
// the first time and found there again; files that were changed or removed
// since are restored, files that were added are left alone. An empty cache
// stands for agar's folder in the user's cache; where nothing can be written
// there, the organism goes into a temporary folder instead.
//
// Several processes may call Open at once. When ctx ends early nothing is
// left behind.
func Open(ctx context.Context, cache string) (string, error) {
	sum := sha256.Sum256(archive)
	name := "organism-" + hex.EncodeToString(sum[:8])
	var errs []error
	for _, root := range roots(cache) {
		dir, err := openIn(ctx, root, name)
		if err == nil {
			return dir, nil
		}
		if ctx.Err() != nil {
			return "", fmt.Errorf("builtin: %w", ctx.Err())
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("builtin: no folder to unpack the organism in: %w", errors.Join(errs...))
}

// roots lists the folders to try, the wanted one first.
func roots(cache string) []string {
	temp := filepath.Join(os.TempDir(), "agar-"+strconv.Itoa(os.Getuid()))
	if cache != "" {
		return []string{cache, temp}
	}
	if user, err := os.UserCacheDir(); err == nil {
		return []string{filepath.Join(user, "agar"), temp}
	}
	return []string{temp}
}

// openIn returns root/name, unpacking it when it is not there or not whole.
func openIn(ctx context.Context, root, name string) (string, error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return "", fmt.Errorf("embedded archive: %w", err)
	}
	dir := filepath.Join(root, name)
	if whole(dir, z) {
		return dir, nil
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(root, name+"-*.tmp")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	if err := unpack(ctx, temp, z); err != nil {
		return "", err
	}
	return dir, install(temp, dir, z)
}

// install moves temp to dir. A whole organism that another process put there
// meanwhile wins; files missing or changed in an older one are replaced.
func install(temp, dir string, z *zip.Reader) error {
	err := os.Rename(temp, dir)
	if err == nil || whole(dir, z) {
		return nil
	}
	for _, f := range z.File {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if same(path, f) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(temp, filepath.FromSlash(f.Name)), path); err != nil {
			return err
		}
	}
	return nil
}

// whole reports whether dir holds every file of z unchanged.
func whole(dir string, z *zip.Reader) bool {
	for _, f := range z.File {
		if !same(filepath.Join(dir, filepath.FromSlash(f.Name)), f) {
			return false
		}
	}
	return true
}

// same compares a file's length and CRC-32 with the archive's.
func same(path string, f *zip.File) bool {
	data, err := os.ReadFile(path)
	return err == nil && uint64(len(data)) == f.UncompressedSize64 && crc32.ChecksumIEEE(data) == f.CRC32
}

func unpack(ctx context.Context, dir string, z *zip.Reader) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := unpackFile(dir, f); err != nil {
			return fmt.Errorf("unpack %s: %w", f.Name, err)
		}
	}
	return nil
}

func unpackFile(dir string, f *zip.File) error {
	if !filepath.IsLocal(f.Name) {
		return errors.New("the name leads out of the folder")
	}
	path := filepath.Join(dir, filepath.FromSlash(f.Name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	src, err := f.Open()
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}
