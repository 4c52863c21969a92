# Figures: named numbers with a unit, kept in the file $figures until the end; bench/run sources this.
#
# A line of the file: NAME <tab> UNIT <tab> MEDIAN <tab> VALUES of the rounds, separated by commas.

readonly number='^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$'

# median: of the numbers on stdin, one a line.
median() {
  sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# keep NAME UNIT VALUE...: the figure is the median of its values. Anything but a number ends the run.
keep() {
  local name=$1 unit=$2 value joined
  shift 2
  (($# > 0)) || fail "$name: nothing was measured"
  for value in "$@"; do
    [[ $value =~ $number ]] || fail "$name: '$value' is no number"
  done
  joined=$(IFS=,; echo "$*")
  printf '%s\t%s\t%s\t%s\n' "$name" "$unit" "$(printf '%s\n' "$@" | median)" "$joined" >>"$figures"
}

# figure NAME [DIGITS]: its median, to print; nothing when it was not measured.
figure() {
  awk -F'\t' -v name="$1" -v digits="${2:-1}" '$1 == name { printf "%.*f", digits, $3 }' "$figures"
}

# spread NAME DIGITS: its least and its largest value.
spread() {
  awk -F'\t' -v name="$1" -v digits="$2" '$1 == name {
    n = split($4, v, ","); low = high = v[1]
    for (i = 2; i <= n; i++) { if (v[i] + 0 < low + 0) low = v[i]; if (v[i] + 0 > high + 0) high = v[i] }
    printf "%.*f to %.*f", digits, low, digits, high }' "$figures"
}

# calculate EXPRESSION: of numbers, by awk.
calculate() { awk "BEGIN { printf \"%.6g\", $1 }"; }

# field KEY: the first number of this name in the line of JSON on stdin; "none" when there is none.
field() {
  awk -v key="\"$1\":" '{
    at = index($0, key)
    rest = at ? substr($0, at + length(key)) : ""
    print match(rest, /^[-+.0-9eE]+/) ? substr(rest, 1, RLENGTH) : "none"
    exit
  }'
}

commit() { git -C "$here" describe --always --dirty --exclude '*' 2>/dev/null || echo unknown; }
cpu_model() { awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo; }

describe_machine() {
  local load
  load=$(cut -d' ' -f1 /proc/loadavg)
  printf '# Flow %s, %s\n\n' "$(commit)" "$(date -u +%FT%TZ)"
  printf '%s, %s cores, Linux %s; load before the run: %s; %s rounds\n' \
    "$(cpu_model)" "$(nproc)" "$(uname -r)" "$load" "$rounds"
  keep machine.load processes "$load"
  if awk -v load="$load" 'BEGIN { exit load < 0.5 }'; then
    printf '\n**The machine was not at rest: these figures are no basis for a comparison.**\n'
  fi
}

# Everything for programs: one figure a line, so that bench/compare needs no JSON parser.
write_json() {
  printf '{"date":"%s","commit":"%s","rounds":%s,\n' "$(date -u +%FT%TZ)" "$(commit)" "$rounds"
  printf '"machine":{"cpu":"%s","cores":%s,"kernel":"%s","load":%s},\n"figures":[\n' "$(cpu_model)" "$(nproc)" \
    "$(uname -r)" "$(figure machine.load 2)"
  awk -F'\t' '{ printf "%s{\"name\":\"%s\",\"unit\":\"%s\",\"median\":%s,\"rounds\":[%s]}", (NR > 1 ? ",\n" : ""), $1, $2, $3, $4 }
    END { print "\n]}" }' "$figures"
}

# goal FIGURE DIGITS at-most|at-least LIMIT TEXT: a line of the table of goals, if the figure was measured.
goal() {
  local got met
  got=$(figure "$1" 6)  # as it is, not as it is printed
  [[ -n $got ]] || return 0
  if [[ $3 == at-most ]]; then met="$got <= $4"; else met="$got >= $4"; fi
  met=$(awk "BEGIN { print ($met) ? \"yes\" : \"**no**\" }")
  ((goals++ > 0)) || printf '\n## Goals\n\n| | goal | here | met |\n|---|--:|--:|---|\n'
  printf '| %s | %s %s | %s | %s |\n' "$5" "${3/-/ }" "$4" "$(figure "$1" "$2")" "$met"
}
