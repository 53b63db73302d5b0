"""For zsh 5."""

SCRIPT = r"""#compdef skerry
# zsh completion for skerry
#   now:        source <(skerry completion zsh)
#   for ever:   skerry completion zsh > "${fpath[1]}/_skerry"

_skerry() {
    local line value about directive=1 current prefix
    local -a lines candidates options typed
    # The words as the program would get them, up to the cursor.
    typed=("${(@Q)words[1,CURRENT]}")
    lines=("${(@f)$("${typed[1]/#\~/$HOME}" __complete "${(@)typed[2,-1]}" 2>/dev/null)}")
    directive=${lines[-1]#:}
    lines[-1]=()
    [[ $directive == <-> ]] || return 1
    (( directive & 1 )) && return 1

    current=$typed[-1]
    if [[ $current == --*=* ]]; then
        prefix=${current%%=*}=
        compset -P '--*='
    fi
    for line in "${lines[@]}"; do
        [[ -n $line ]] || continue
        value=${line%%$'\t'*}
        about=
        [[ $line == *$'\t'* ]] && about=${line#*$'\t'}
        value=${value//:/\\:}
        candidates+=("$value${about:+:$about}")
    done

    if (( $#candidates )); then
        (( directive & 2 )) && options+=(-S '')
        (( directive & 32 )) && options=(-V "${options[@]}")
        _describe -t skerry 'skerry' candidates "${options[@]}"
    elif (( directive & 16 )); then
        _files -/
    elif (( ! (directive & 4) )); then
        _files
    else
        return 1
    fi
}

if [[ $funcstack[1] == _skerry ]]; then
    _skerry "$@"
else
    compdef _skerry skerry
fi
"""
