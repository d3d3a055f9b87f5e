package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gobwas/glob"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Files are the outputs made of the files found after a command.
type Files struct {
	Assets  map[string]types.AssetOrArchive `pulumi:"assets,optional"`
	Archive *resource.Archive               `pulumi:"archive,optional"`
}

// collect makes the assets and the archive that the inputs ask for.
func (p Process) collect() (Files, error) {
	var files Files
	if p.AssetPaths != nil {
		assets, err := p.match(p.AssetPaths)
		if err != nil {
			return Files{}, err
		}
		files.Assets = map[string]types.AssetOrArchive{}
		for name, asset := range assets {
			files.Assets[name] = types.AssetOrArchive{Asset: asset}
		}
	}
	if p.ArchivePaths != nil {
		var err error
		if files.Archive, err = p.archive(); err != nil {
			return Files{}, err
		}
	}
	return files, nil
}

// restore completes the files of an earlier run, of which the engine gave only
// names and hashes, as far as the inputs still ask for them and they still exist.
func (p Process) restore(files Files) (Files, error) {
	root, err := p.root()
	if err != nil {
		return Files{}, err
	}
	var restored Files
	if p.AssetPaths != nil && files.Assets != nil {
		restored.Assets = map[string]types.AssetOrArchive{}
		for name, file := range files.Assets {
			if file.Asset == nil {
				continue
			}
			asset := *file.Asset
			asset.Path = filepath.Join(root, filepath.FromSlash(name))
			restored.Assets[name] = types.AssetOrArchive{Asset: &asset}
		}
	}
	if p.ArchivePaths != nil && files.Archive != nil {
		restored.Archive, err = p.archive()
		if errors.Is(err, fs.ErrNotExist) {
			return restored, nil
		}
	}
	return restored, err
}

// archive packs the files that the inputs ask for.
func (p Process) archive() (*resource.Archive, error) {
	assets, err := p.match(p.ArchivePaths)
	if err != nil {
		return nil, err
	}
	members := map[string]any{}
	for name, asset := range assets {
		members[name] = asset
	}
	return resource.NewAssetArchive(members)
}

// match returns the files under the working directory that patterns select,
// by their slash-separated paths relative to it.
func (p Process) match(patterns []string) (map[string]*resource.Asset, error) {
	rules, err := compile(patterns)
	if err != nil {
		return nil, err
	}
	root, err := p.root()
	if err != nil {
		return nil, err
	}
	assets := map[string]*resource.Asset{}
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !rules.selects(name) {
			return err
		}
		path := filepath.Join(root, filepath.FromSlash(name))
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return nil // such as a link to a directory or to nothing
		}
		assets[name], err = resource.NewPathAsset(path)
		return err
	})
	return assets, err
}

// root returns the absolute path of the working directory.
func (p Process) root() (string, error) {
	if p.Dir != nil {
		return filepath.Abs(*p.Dir)
	}
	return os.Getwd()
}

// rule includes or excludes the paths that a pattern matches.
type rule struct {
	pattern glob.Glob
	exclude bool
}

type rules []rule

func compile(patterns []string) (rules, error) {
	var list rules
	for _, pattern := range patterns {
		text, exclude := strings.CutPrefix(pattern, "!")
		compiled, err := glob.Compile(text, '/')
		if err != nil {
			return nil, err
		}
		list = append(list, rule{compiled, exclude})
	}
	return list, nil
}

// selects reports whether the last rule that matches name includes it.
func (list rules) selects(name string) bool {
	selected := false
	for _, r := range list {
		if r.pattern.Match(name) {
			selected = !r.exclude
		}
	}
	return selected
}
