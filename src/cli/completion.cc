#include "cli/completion.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <vector>

namespace tailrace::cli {
namespace {

struct Word {
  std::string text, description;
};

std::vector<Word> option_words(const CLI::App& app) {
  std::vector<Word> words;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames())
      words.push_back({"--" + name, option->get_description()});
  }
  return words;
}

std::vector<const CLI::App*> subcommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// What may follow once the command words of `app` stand there: subcommands, its options and the
// program's.
std::vector<Word> words_after(const CLI::App& program, const CLI::App& app) {
  std::vector<Word> words;
  for (const CLI::App* sub : subcommands(app))
    words.push_back({sub->get_name(), sub->get_description()});
  for (Word& word : option_words(app)) words.push_back(std::move(word));
  if (&app != &program) {
    for (Word& word : option_words(program)) {
      if (word.text != "--help" && word.text != "--version") words.push_back(std::move(word));
    }
  }
  return words;
}

// Visits every command with its path: "", "task", "task start".
void visit(const CLI::App& app, const std::string& path,
           const std::function<void(const std::string&, const CLI::App&)>& see) {
  see(path, app);
  for (const CLI::App* sub : subcommands(app))
    visit(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), see);
}

std::string in_single_quotes(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// The part that bash and zsh share: the words for each command path.
std::string cases(const CLI::App& program,
                  const std::function<std::string(const std::vector<Word>&)>& assign) {
  std::string out;
  visit(program, "", [&](const std::string& path, const CLI::App& app) {
    out += "    " + in_single_quotes(path) + ") " + assign(words_after(program, app)) + " ;;\n";
  });
  return out;
}

// Command words have no dash; the first two are the path when they name a command.
std::string paths(const CLI::App& program) {
  std::string out;
  visit(program, "", [&](const std::string& path, const CLI::App&) {
    if (!path.empty()) out += (out.empty() ? "" : "|") + in_single_quotes(path);
  });
  return out;
}

}  // namespace

std::string bash_completion(const CLI::App& program) {
  return "# bash completion for tailrace: source this file, or install it as\n"
         "# /usr/share/bash-completion/completions/tailrace\n"
         "_tailrace() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} path= word words=\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    case \"${path:+$path }$word\" in\n"
         "    " +
         paths(program) +
         ") path=${path:+$path }$word ;;\n"
         "    esac\n"
         "  done\n"
         "  case $path in\n" +
         cases(program,
               [](const std::vector<Word>& words) {
                 std::string list;
                 for (const Word& word : words) list += (list.empty() ? "" : " ") + word.text;
                 return "words=" + in_single_quotes(list);
               }) +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$current\"))\n"
         "}\n"
         "complete -F _tailrace tailrace\n";
}

std::string zsh_completion(const CLI::App& program) {
  return "#compdef tailrace\n"
         "_tailrace() {\n"
         "  local chosen= word\n"
         "  local -a entries\n"
         "  for word in ${words[2,CURRENT-1]}; do\n"
         "    case \"${chosen:+$chosen }$word\" in\n"
         "    " +
         paths(program) +
         ") chosen=\"${chosen:+$chosen }$word\" ;;\n"
         "    esac\n"
         "  done\n"
         "  case $chosen in\n" +
         cases(program,
               [](const std::vector<Word>& words) {
                 std::string list;
                 for (const Word& word : words) {
                   std::string text;
                   for (char c : word.description)
                     text += c == ':' ? std::string("\\:") : std::string(1, c);
                   list += (list.empty() ? "" : " ") + in_single_quotes(word.text + ":" + text);
                 }
                 return "entries=(" + list + ")";
               }) +
         "  esac\n"
         "  _describe -o tailrace entries || _files\n"
         "}\n"
         "compdef _tailrace tailrace\n";
}

std::string fish_completion(const CLI::App& program) {
  std::string out = "# fish completion for tailrace\n";
  visit(program, "", [&](const std::string& path, const CLI::App& app) {
    // Each word of the path must have been seen; at the top none of the commands.
    std::string condition = "__fish_use_subcommand";
    if (!path.empty()) {
      condition.clear();
      for (std::size_t start = 0; start < path.size();) {
        std::size_t end = std::min(path.find(' ', start), path.size());
        condition += (condition.empty() ? "" : "; and ") +
                     std::string("__fish_seen_subcommand_from ") + path.substr(start, end - start);
        start = end + 1;
      }
    }
    for (const CLI::App* sub : subcommands(app))
      out += "complete -c tailrace -n " + in_single_quotes(condition) + " -f -a " +
             sub->get_name() + " -d " + in_single_quotes(sub->get_description()) + "\n";
    for (const Word& word : option_words(app))
      out += "complete -c tailrace" +
             (path.empty() ? std::string() : " -n " + in_single_quotes(condition)) + " -l " +
             word.text.substr(2) + " -d " + in_single_quotes(word.description) + "\n";
  });
  return out;
}

}  // namespace tailrace::cli
