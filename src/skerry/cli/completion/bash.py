"""For bash 4.4 and later; needs nothing of the bash-completion package."""

SCRIPT = r"""# bash completion for skerry
#   now:        source <(skerry completion bash)
#   for ever:   skerry completion bash > /etc/bash_completion.d/skerry

__skerry_words() {
    # Readline cuts words at the characters of COMP_WORDBREAKS (= and : among them): put together what stands together.
    local rest=$COMP_LINE word index
    __skerry_typed=()
    for ((index = 0; index <= COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        if ((index == 0)) || [[ $rest == [[:space:]]* ]]; then
            rest=${rest#"${rest%%[![:space:]]*}"}
            __skerry_typed+=("$word")
        else
            __skerry_typed[${#__skerry_typed[@]}-1]+=$word
        fi
        rest=${rest#"$word"}
    done
}

__skerry_complete() {
    local __skerry_typed lines line directive=1 value about current program cut longest=0
    local -a values=() abouts=()
    COMPREPLY=()
    __skerry_words
    program=${__skerry_typed[0]/#\~/$HOME}
    mapfile -t lines < <("$program" __complete "${__skerry_typed[@]:1}" 2>/dev/null)
    ((${#lines[@]})) || return
    directive=${lines[${#lines[@]}-1]#:}
    unset "lines[${#lines[@]}-1]"
    ((directive & 1)) && return

    current=${__skerry_typed[${#__skerry_typed[@]}-1]}
    [[ $current == --*=* ]] && current=${current#*=}
    for line in "${lines[@]}"; do
        value=${line%%$'\t'*}
        [[ $value == "$current"* ]] || continue
        about=
        [[ $line == *$'\t'* ]] && about=${line#*$'\t'}
        # What stands before the last word break is not ours to repeat.
        cut=
        [[ $COMP_WORDBREAKS == *:* ]] && cut=${current%"${current##*:}"}
        value=${value#"$cut"}
        values+=("$value") abouts+=("$about")
        ((${#value} > longest)) && longest=${#value}
    done

    ((directive & 2)) && compopt -o nospace
    ((directive & 32)) && compopt -o nosort
    if ((${#values[@]} > 1 && COMP_TYPE != 37 && COMP_TYPE != 42)); then
        local index room=$((${COLUMNS:-80} - longest - 5))
        for index in "${!values[@]}"; do
            if [[ -n ${abouts[index]} ]] && ((room > 20)); then
                printf -v line '%-*s  (%s)' "$longest" "${values[index]}" "${abouts[index]:0:room}"
                COMPREPLY+=("$line")
            else
                COMPREPLY+=("${values[index]}")
            fi
        done
    else
        COMPREPLY=("${values[@]}")
    fi
    if ((${#values[@]} == 0)); then
        if ((directive & 16)); then
            compopt -o filenames +o default
            mapfile -t COMPREPLY < <(compgen -d -- "$current")
        elif ((directive & 4)); then
            compopt +o default
        fi
    fi
}

complete -o default -F __skerry_complete skerry
"""
