#!/usr/bin/env bash
# Put a run's comment.md on a pull request, once: the comment with the same marker is updated in place.
# Needs `gh`, GH_TOKEN, GITHUB_REPOSITORY, PULL_REQUEST and COMMENT (the file). A token that may only read, as for a
# pull request from a fork, costs a warning and nothing else.
set -euo pipefail

if [ ! -s "${COMMENT:?}" ]; then
  echo "no comment was made, so there is none to post"
  exit 0
fi
MARKER=$(head -n 1 "$COMMENT")
export MARKER
comments="repos/${GITHUB_REPOSITORY:?}/issues/${PULL_REQUEST:?}/comments"
mine='.[] | select(.user.type == "Bot" and (.body | startswith(env.MARKER))) | .id'

post() {
  local found id
  found=$(gh api --paginate "$comments" --jq "$mine") || return
  id=${found%%$'\n'*}
  if [ -n "$id" ]; then
    gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id" --field "body=@$COMMENT" >/dev/null
  else
    gh api --method POST "$comments" --field "body=@$COMMENT" >/dev/null
  fi
}

post || echo "::warning title=evalkit::the comment could not be posted; the job needs permissions: {pull-requests: write}"
