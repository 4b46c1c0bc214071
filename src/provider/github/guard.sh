# Decides whether this backup has to do the work of its primary. It only reads, and it ends well
# whatever happens.
set +e
say() { # true or false, and why
  printf 'run=%s\nreason=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
  echo "run: $1, because $2" | tee -a "$GITHUB_STEP_SUMMARY"
  exit 0
}
[ "$GITHUB_EVENT_NAME" = schedule ] || say true "it was asked for"

# Runs of pull requests say nothing of the primary, nor do cancelled and skipped ones. A run began
# when it was last started again. An active one that began too long ago is stuck: two days, where
# nothing plans its runs. What has a dollar here is jq's.
# shellcheck disable=SC2016
judge='
  def began: .run_started_at // .created_at | fromdate;
  def age: now - began;
  def old: $stale != null and age >= $stale;
  def ended: .conclusion == ("success", "failure", "timed_out", "startup_failure");
  [.workflow_runs[] | select(.event | startswith("pull_request") | not)] | sort_by(began, .id)
  | (map(select(.status != "completed" and age < ($stale // 172800))) | last) as $active
  | (map(select(ended)) | last) as $last
  | if $active then "false the primary is at work: \($active.html_url)"
    elif $last == null then "true no run of the primary has come to an end"
    elif $last.conclusion != "success" then
      "true the last run of the primary ended in \($last.conclusion): \($last.html_url)"
    elif ($last | old) then
      "true the last success of the primary is too long ago: \($last.html_url)"
    else "false the last run of the primary succeeded: \($last.html_url)" end'

for pause in 0 5 15 30; do
  sleep "$pause"
  answer=$(curl -sS -m 20 -w '\n%{http_code}' -G --data-urlencode "branch=$GITHUB_REF_NAME" \
    -d per_page=100 -d exclude_pull_requests=true -H 'Accept: application/vnd.github+json' \
    -H 'X-GitHub-Api-Version: 2022-11-28' -H @- <<<"Authorization: Bearer $TOKEN" \
    "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/actions/workflows/$PRIMARY/runs")
  status=${answer##*$'\n'}
  [ "$status" = 404 ] && say true "the primary is not there"
  [ "$status" = 200 ] &&
    verdict=$(jq -r --argjson stale "$STALE_AFTER" "$judge" <<<"${answer%$'\n'*}") &&
    read -r run why <<<"$verdict" && [ -n "$run" ] && say "$run" "$why"
  echo "GitHub gave no answer that can be read (HTTP status $status)"
done
say "$ON_ERROR" "GitHub gave no answer that can be read (HTTP status $status)"
