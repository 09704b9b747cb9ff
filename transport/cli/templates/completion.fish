# fish completion for chainwright
#   chainwright completion fish > ~/.config/fish/completions/chainwright.fish
complete -c chainwright -f
{{- range $command := .}}
complete -c chainwright -n __fish_use_subcommand -a {{.Name}} -d {{quote .Help}}
{{- range .Flags}}
complete -c chainwright -n '__fish_seen_subcommand_from {{$command.Name}}' -l {{.Name}}{{if .Short}} -s {{.Short}}{{end}}{{if .Takes}} -r{{end}}{{if .Values}} -a {{quote (words .Values)}}{{else if .Files}} -F{{end}} -d {{quote .Help}}
{{- end}}
{{- if .Words}}
complete -c chainwright -n '__fish_seen_subcommand_from {{.Name}}' -a {{quote (words .Words)}}
{{- else if .Files}}
complete -c chainwright -n '__fish_seen_subcommand_from {{.Name}}' -F
{{- end}}
{{- end}}
