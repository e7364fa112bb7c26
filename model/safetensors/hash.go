package safetensors

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// HashFile gives the SHA-256 of the file at path in lower-case hex, as it is
// recorded in manifests to say which file was read.
func HashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("safetensors: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("safetensors: hash %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
