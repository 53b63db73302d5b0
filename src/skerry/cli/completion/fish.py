"""For fish 3.3 and later."""

SCRIPT = r"""# fish completion for skerry
#   now:        skerry completion fish | source
#   for ever:   skerry completion fish > ~/.config/fish/completions/skerry.fish

function __skerry_complete
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $typed[1])
    set -l lines ($program __complete $typed[2..-1] "$current" 2>/dev/null)
    set -q lines[1]; or return
    set -l directive (string replace -r '^:' '' -- $lines[-1])
    set -e lines[-1]
    string match -qr '^\d+$' -- $directive; or return
    test (math "bitand($directive, 1)") -eq 0; or return

    # Candidates for --flag=value are values.
    set -l prefix (string match -r -- '^--[^=]+=' $current)
    set -l value (string replace -r -- '^--[^=]+=' '' $current)
    if set -q lines[1]
        for line in $lines
            echo -- "$prefix$line"
        end
    else if test (math "bitand($directive, 16)") -ne 0
        for line in (__fish_complete_directories $value)
            echo -- "$prefix$line"
        end
    else if test (math "bitand($directive, 4)") -eq 0
        for line in (__fish_complete_path $value)
            echo -- "$prefix$line"
        end
    end
end

complete -c skerry -e
complete -c skerry -f -a '(__skerry_complete)'
"""
