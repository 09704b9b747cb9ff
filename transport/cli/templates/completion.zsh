#compdef chainwright
# zsh completion for chainwright
#   chainwright completion zsh > "${fpath[1]}/_chainwright"
_chainwright() {
    local -a commands
    commands=(
{{- range .}}
        '{{zsh .Name}}:{{zsh .Help}}'
{{- end}}
    )
    local curcontext="$curcontext" state line
    _arguments -C '1: :->command' '*:: :->rest'
    case "$state" in
        command) _describe -t commands command commands ;;
        rest)
            case "$line[1]" in
{{- range .}}
                {{.Name}})
                    _arguments \
{{- range .Flags}}
                        '--{{.Name}}[{{zsh .Help}}]{{if .Takes}}:value:{{if .Values}}({{words .Values}}){{else if .Files}}_files{{end}}{{end}}' \
{{- end}}
                        '*: :{{if .Words}}({{words .Words}}){{else if .Files}}_files{{end}}'
                    ;;
{{- end}}
            esac
            ;;
    esac
}
if [ "$funcstack[1]" = "_chainwright" ]; then
    _chainwright "$@"
else
    compdef _chainwright chainwright
fi
