// Executes Grafana's message templates and a rule's annotations, as Grafana does: standard input is a list of requests,
// standard output the list of their texts. The data has the fields and methods that Alertmanager gives to templates.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/template"
	"time"
)

type labels map[string]string

type alert struct {
	Status                             string
	Labels, Annotations                labels
	StartsAt                           time.Time
	PanelURL, DashboardURL, SilenceURL string
}

type alerts []alert

func (list alerts) with(status string) (found []alert) {
	for _, one := range list {
		if one.Status == status {
			found = append(found, one)
		}
	}
	return found
}

func (list alerts) Firing() []alert   { return list.with("firing") }
func (list alerts) Resolved() []alert { return list.with("resolved") }

type message struct {
	Status                                       string
	Alerts                                       alerts
	GroupLabels, CommonLabels, CommonAnnotations labels
}

type value struct {
	Labels labels
	Value  float64
}

type rule struct {
	Labels labels
	Values map[string]value
}

type request struct {
	Templates, Text string
	Message         *message
	Rule            *rule
}

func (one request) expand() (string, error) {
	var data any = one.Message
	missing, text := "missingkey=zero", one.Text
	if one.Rule != nil {
		data, missing = one.Rule, "missingkey=invalid"
		text = "{{- $labels := .Labels -}}{{- $values := .Values -}}" + text
	}
	parsed, err := template.New("").Option(missing).Parse(one.Templates)
	if err != nil {
		return "", err
	}
	// A text may define a template anew, which holds for this text alone.
	parsed, err = parsed.New("text").Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, data)
	return strings.ReplaceAll(out.String(), "<no value>", "[no value]"), err
}

func main() {
	var requests []request
	if err := json.NewDecoder(os.Stdin).Decode(&requests); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	texts := make([]string, len(requests))
	for place, one := range requests {
		text, err := one.expand()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		texts[place] = text
	}
	if err := json.NewEncoder(os.Stdout).Encode(texts); err != nil {
		os.Exit(1)
	}
}
