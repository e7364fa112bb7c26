// Package hub brings models from a Hugging Face compatible hub into the cache
// that huggingface_hub uses, so that either tool finds what the other fetched:
//
//	$HF_HOME/hub/models--OWNER--NAME/refs/main           the commit that main is at
//	                                 blobs/<etag>        contents, named by their hash
//	                                 snapshots/<commit>/ the files, links into blobs
//
// Only the files that agar reads are fetched. Large ones come in ranges over
// several connections into blobs/<etag>.agar-part; a pull that was killed goes on
// with the ranges that are missing. What arrives is checked against the hash that
// names it (SHA-256 for large files, git's SHA-1 for small ones) before it gets
// its name, so a blob in the cache is whole.
package hub
