// Renders a Helm chart as `helm template` does, with the libraries that Helm uses: text/template, sprig, sigs.k8s.io/yaml and
// gojsonschema. It supports what a chart without dependencies needs; https://helm.sh/docs/chart_template_guide has the contract.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/semver/v3"
	"github.com/Masterminds/sprig"
	"github.com/xeipuuv/gojsonschema"
	"sigs.k8s.io/yaml"
)

const maxIncludes = 1000

type values map[string]interface{}

type files map[string][]byte

func (f files) GetBytes(name string) []byte { return f[name] }

func (f files) Get(name string) string { return string(f[name]) }

type versionSet []string

// Has reports whether the cluster serves a version ("apps/v1") or a kind ("apps/v1/Deployment").
func (v versionSet) Has(name string) bool {
	for _, item := range v {
		if item == name {
			return true
		}
	}
	return false
}

type kubeVersion struct{ Version, Major, Minor string }

func (v kubeVersion) String() string { return v.Version }

type capabilities struct {
	KubeVersion kubeVersion
	APIVersions versionSet
	HelmVersion map[string]string
}

// The versions that `helm template` assumes, as far as charts ask for them.
var builtIn = versionSet{"v1", "apps/v1", "batch/v1", "policy/v1", "policy/v1beta1", "rbac.authorization.k8s.io/v1", "networking.k8s.io/v1",
	"coordination.k8s.io/v1", "apiextensions.k8s.io/v1"}

type options struct {
	name, namespace, valueFiles, discovered, apiVersions, kube string
	upgrade, strict, notes                                      bool
}

func main() {
	var o options
	flag.StringVar(&o.name, "name", "release-name", "name of the release")
	flag.StringVar(&o.namespace, "namespace", "default", "namespace of the release")
	flag.StringVar(&o.valueFiles, "f", "", "files with values, separated by commas; - is the standard input")
	flag.StringVar(&o.apiVersions, "api-versions", "", "API versions in addition to the usual ones, separated by commas")
	flag.StringVar(&o.discovered, "discovered", "", "API versions in place of the usual ones, as read from a cluster, separated by commas")
	flag.StringVar(&o.kube, "kube-version", "v1.36.0", "version of Kubernetes")
	flag.BoolVar(&o.upgrade, "is-upgrade", false, "sets .Release.IsUpgrade")
	flag.BoolVar(&o.strict, "strict", false, "fails if a template refers to a value that does not exist")
	flag.BoolVar(&o.notes, "notes", false, "prints the rendered NOTES.txt only")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: render [options] CHART")
		os.Exit(2)
	}
	if err := run(o, flag.Arg(0), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(o options, folder string, input io.Reader, output io.Writer) error {
	all, err := read(folder)
	if err != nil {
		return err
	}
	var metadata map[string]interface{}
	if err := yaml.UnmarshalStrict(all["Chart.yaml"], &metadata); err != nil {
		return fmt.Errorf("Chart.yaml: %w", err)
	}
	if err := checkKubeVersion(metadata, o.kube); err != nil {
		return err
	}
	vals, err := merge(all["values.yaml"], o.valueFiles, input)
	if err != nil {
		return err
	}
	if err := validate(all["values.schema.json"], vals); err != nil {
		return fmt.Errorf("values don't meet the specifications of the schema(s) in the following chart(s):\n%v:\n%w", metadata["name"], err)
	}
	// An error leaves the output empty.
	var text bytes.Buffer
	if err := render(o, all, metadata, vals, &text); err != nil {
		return err
	}
	_, err = text.WriteTo(output)
	return err
}

// read reads all files of the chart, by path relative to it.
func read(folder string) (files, error) {
	all := files{}
	err := filepath.Walk(folder, func(file string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, file)
		if err != nil {
			return err
		}
		all[filepath.ToSlash(name)], err = os.ReadFile(file)
		return err
	})
	if err == nil && all["Chart.yaml"] == nil {
		err = errors.New("Chart.yaml file is missing")
	}
	return all, err
}

func checkKubeVersion(metadata map[string]interface{}, version string) error {
	constraint, ok := metadata["kubeVersion"].(string)
	if !ok {
		return nil
	}
	c, err := semver.NewConstraint(constraint)
	if err != nil {
		return fmt.Errorf("kubeVersion: %w", err)
	}
	v, err := semver.NewVersion(version)
	if err != nil {
		return fmt.Errorf("--kube-version: %w", err)
	}
	if !c.Check(v) {
		return fmt.Errorf("chart requires kubeVersion: %s which is incompatible with Kubernetes %s", constraint, version)
	}
	return nil
}

func parse(data []byte) (values, error) {
	// Numbers keep their text, as in Helm.
	useNumber := func(d *json.Decoder) *json.Decoder { d.UseNumber(); return d }
	vals := values{}
	err := yaml.UnmarshalStrict(data, (*map[string]interface{})(&vals), useNumber)
	return vals, err
}

func merge(defaults []byte, names string, input io.Reader) (values, error) {
	result, err := parse(defaults)
	if err != nil {
		return nil, fmt.Errorf("values.yaml: %w", err)
	}
	for _, name := range strings.FieldsFunc(names, func(r rune) bool { return r == ',' }) {
		var data []byte
		if name == "-" {
			data, err = io.ReadAll(input)
		} else {
			data, err = os.ReadFile(name)
		}
		if err != nil {
			return nil, err
		}
		over, err := parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		overlay(result, over)
	}
	return result, nil
}

// overlay merges maps recursively and replaces everything else; null removes a default.
func overlay(base, over map[string]interface{}) {
	for key, value := range over {
		inner, isMap := value.(map[string]interface{})
		target, hasMap := base[key].(map[string]interface{})
		switch {
		case value == nil:
			delete(base, key)
		case isMap && hasMap:
			overlay(target, inner)
		default:
			base[key] = value
		}
	}
}

func validate(schema []byte, vals values) error {
	if schema == nil {
		return nil
	}
	text, err := json.Marshal(vals)
	if err != nil {
		return err
	}
	result, err := gojsonschema.Validate(gojsonschema.NewBytesLoader(schema), gojsonschema.NewBytesLoader(text))
	if err != nil {
		return err
	}
	var faults []string
	for _, fault := range result.Errors() {
		faults = append(faults, "- "+fault.String())
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "\n"))
	}
	return nil
}

func render(o options, all files, metadata map[string]interface{}, vals values, output io.Writer) error {
	chart := metadata["name"].(string)
	root := template.New("gotpl")
	setMissing(root, o.strict)
	root.Funcs(functions(root, o.strict))
	var templates []string
	others := files{}
	for name, data := range all {
		if !strings.HasPrefix(name, "templates/") {
			others[name] = data
			continue
		}
		templates = append(templates, name)
	}
	for _, name := range []string{"Chart.yaml", "values.yaml", "values.schema.json", ".helmignore"} {
		delete(others, name)
	}
	sort.Strings(templates)
	for _, name := range templates {
		if _, err := root.New(chart + "/" + name).Parse(string(all[name])); err != nil {
			return fmt.Errorf("parse error: %w", err)
		}
	}

	for _, name := range templates {
		isNotes := path.Base(name) == "NOTES.txt"
		if strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		full := chart + "/" + name
		var text bytes.Buffer
		data := scope(o, metadata, vals, others)
		data["Template"] = values{"Name": full, "BasePath": chart + "/templates"}
		if err := root.ExecuteTemplate(&text, full, data); err != nil {
			return fmt.Errorf("execution error: %w", err)
		}
		if isNotes != o.notes {
			continue
		}
		rendered := strings.ReplaceAll(text.String(), "<no value>", "")
		if isNotes {
			fmt.Fprint(output, rendered)
			continue
		}
		for _, document := range strings.Split("\n"+rendered, "\n---") {
			if strings.TrimSpace(document) != "" {
				fmt.Fprintf(output, "---\n# Source: %s\n%s\n", full, strings.TrimSpace(document))
			}
		}
	}
	return nil
}

// scope returns what a template sees as "."; each template gets its own copy, so that none can change the values of another.
func scope(o options, metadata map[string]interface{}, vals values, others files) values {
	metadataCopy := map[string]interface{}{}
	for key, value := range metadata {
		// The fields of Chart.yaml begin with a capital letter in templates: .Chart.AppVersion.
		metadataCopy[strings.ToUpper(key[:1])+key[1:]] = value
	}
	served := builtIn
	if o.discovered != "" {
		served = strings.Split(o.discovered, ",")
	}
	if o.apiVersions != "" {
		served = append(append(versionSet{}, served...), strings.Split(o.apiVersions, ",")...)
	}
	version := strings.SplitN(strings.TrimPrefix(o.kube, "v"), ".", 3)
	for len(version) < 2 {
		version = append(version, "0")
	}
	copied, err := json.Marshal(vals)
	if err != nil {
		panic(err)
	}
	own, err := parse(copied)
	if err != nil {
		panic(err)
	}
	return values{
		"Values": map[string]interface{}(own),
		"Chart":  metadataCopy,
		"Files":  others,
		"Release": values{"Name": o.name, "Namespace": o.namespace, "Service": "Helm", "Revision": 1,
			"IsInstall": !o.upgrade, "IsUpgrade": o.upgrade},
		"Capabilities": capabilities{kubeVersion{o.kube, version[0], version[1]}, served, map[string]string{"Version": "v3.17.0"}},
		"Subcharts":    values{},
	}
}

func setMissing(t *template.Template, strict bool) {
	if strict {
		t.Option("missingkey=error")
	} else {
		t.Option("missingkey=zero")
	}
}

func functions(root *template.Template, strict bool) template.FuncMap {
	all := sprig.TxtFuncMap()
	delete(all, "env")
	delete(all, "expandenv")
	all["getHostByName"] = func(string) string { return "" }
	all["lookup"] = func(string, string, string, string) map[string]interface{} { return map[string]interface{}{} }
	all["toYaml"] = func(v interface{}) string {
		data, err := yaml.Marshal(v)
		if err != nil {
			return ""
		}
		return strings.TrimSuffix(string(data), "\n")
	}
	all["fromYaml"] = func(text string) map[string]interface{} {
		m := map[string]interface{}{}
		if err := yaml.Unmarshal([]byte(text), &m); err != nil {
			m["Error"] = err.Error()
		}
		return m
	}
	all["fromYamlArray"] = func(text string) []interface{} {
		a := []interface{}{}
		if err := yaml.Unmarshal([]byte(text), &a); err != nil {
			a = []interface{}{err.Error()}
		}
		return a
	}
	all["toJson"] = func(v interface{}) string {
		data, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(data)
	}
	all["fail"] = func(message string) (string, error) { return "", errors.New(message) }
	all["required"] = func(message string, v interface{}) (interface{}, error) {
		if v == nil || v == "" {
			return v, errors.New(message)
		}
		return v, nil
	}
	depth := map[string]int{}
	include := func(t *template.Template) func(string, interface{}) (string, error) {
		return func(name string, data interface{}) (string, error) {
			if depth[name] >= maxIncludes {
				return "", fmt.Errorf("rendering template has a nested reference name: %s", name)
			}
			depth[name]++
			defer func() { depth[name]-- }()
			var text strings.Builder
			err := t.ExecuteTemplate(&text, name, data)
			return text.String(), err
		}
	}
	all["include"] = include(root)
	all["tpl"] = func(text string, data interface{}) (string, error) {
		t, err := root.Clone()
		if err != nil {
			return "", err
		}
		setMissing(t, strict)
		t.Funcs(template.FuncMap{"include": include(t)})
		if t, err = t.New("tpl").Parse(text); err != nil {
			return "", err
		}
		var result strings.Builder
		err = t.Execute(&result, data)
		return strings.ReplaceAll(result.String(), "<no value>", ""), err
	}
	return all
}
