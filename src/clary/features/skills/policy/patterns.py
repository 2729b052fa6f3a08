"""What the rules of the scan look for in text.

Every pattern is for RE2 and is tried without regard to case. `code` and `prose` say how bad a match is in each kind of
file; None: it does not count there. Prose is what agents read (Markdown, plain text), code is what runs, and all else
counts as the milder of the two.
"""

from dataclasses import dataclass
from typing import Final

from clary.features.skills.policy.findings import Level, Rule
from clary.kit.linear_regex import LinearPattern


@dataclass(frozen=True, slots=True)
class Signature:
    """One pattern of a rule."""

    rule: Rule
    pattern: LinearPattern
    code: Level | None
    prose: Level | None


def _signatures(rule: Rule, code: Level | None, prose: Level | None, *patterns: str) -> list[Signature]:
    return [Signature(rule, LinearPattern(each, ignore_case=True, multiline=True), code, prose) for each in patterns]


_SHELL = r"(?:sudo\s+)?(?:env\s+)?(?:[\w./-]*/)?(?:ba|z|da|k|fi)?sh\b"
_USER = r"(?:the\s+|your\s+|any\s+)?(?:user|human|person|operator)s?"
_PRIVATE = (
    r"(?:credentials?|passwords?|secrets?|api[ _-]?keys?|private[ _-]keys?|ssh[ _-]keys?"
    r"|access[ _-]tokens?|environment variables?|chat history|conversation)"
)
_PRIVATE_ZH = "(?:密码|密钥|凭证|凭据|令牌|私钥|口令|聊天记录|对话内容|环境变量)"
_HOME = r"(?:~|\$HOME|\$\{HOME\}|/root|/home/\w+)"

SIGNATURES: Final[tuple[Signature, ...]] = (
    # Speaking past the person to the model.
    *_signatures(
        "prompt_injection",
        "high",
        "high",
        r"\b(?:ignore|disregard|forget)\s+(?:(?:all|any|every|the|your|my|of|these|those)\s+)*(?:previous"
        r"|prior|above|earlier|preceding|original|system|safety|developer)\s+(?:\w+\s+){0,2}(?:instructions?"
        r"|prompts?|rules?|guidelines?|messages?|directions?|polic(?:y|ies))",
        r"\b(?:override|bypass|circumvent)\s+(?:(?:all|any|the|your|its)\s+)*(?:system prompt"
        r"|safety\s+(?:rules?|guidelines?|checks?|filters?|instructions?|polic(?:y|ies)|measures?)"
        r"|content\s+(?:policy|filters?)|guardrails?)",
        r"\b(?:hide|conceal|keep)\s+(?:this|it|these|that)\b[^\n.]*\bfrom\s+" + _USER,
        r"(?:忽略|无视|忘记|忘掉|不要理会|不用管|绕过)[^。\n]{0,8}(?:之前|以上|上述|前面|先前|此前|原有|系统|安全)[^。\n]{0,8}(?:指令|指示|提示词|提示|规则"
        r"|要求|限制|设定|命令)",
    ),
    *_signatures(
        "prompt_injection",
        "medium",
        "medium",
        r"\b(?:do not|don'?t|never|must not)\s+(?:ever\s+)?(?:tell|inform|notify|alert|warn|let)\s+"
        + _USER
        + r"\s*(?:[.,;!]|$|about\b|that\b|of\s+(?:this|these)\b|what\b|know\b|anything\b)",
        r"\bwithout\s+(?:the\s+)?(?:user|human|person)(?:'s|s')?\s+(?:knowledge|awareness|noticing|knowing"
        r"|consent)",
        r"\bwithout\s+(?:telling|informing|notifying|alerting)\s+(?:" + _USER + r"|anyone|anybody)",
        r"<\|(?:im_start|im_end|system|endoftext|eot_id|start_header_id)\|>|\[/?INST\]|<</?SYS>>",
        r"\byou are (?:now|no longer)\s+(?:an?\s+)?(?:DAN\b|unrestricted|jailbroken|unfiltered|bound by"
        r"|in (?:developer|god|admin) mode)",
        r"\b(?:reveal|print|output|repeat|leak|show|send)\s+(?:me\s+)?(?:your|the)\s+(?:full\s+|entire\s+"
        r"|hidden\s+)?system prompt",
        r"\b(?:secretly|covertly|silently|quietly)\s+(?:run|execute|download|copy|read|collect|send|upload"
        r"|post|transmit|forward|exfiltrate)\b",
        r"(?:不要|不得|禁止|切勿|别)[^。\n]{0,4}(?:告诉|告知|通知|提醒|让)[^。\n]{0,4}(?:用户|使用者|人类|主人)(?:知道|关于|这|任何|[，。；！,.;!]|$)",
        r"(?:瞒着|背着)[^。\n]{0,4}(?:用户|使用者)|(?:悄悄|偷偷|暗中|秘密)[^。\n]{0,4}(?:发送|上传|执行|运行|删除|读取|收集|下载)",
    ),
    # Secrets of the machine and of the person.
    *_signatures(
        "credential_access",
        "high",
        "high",
        r"\bid_(?:rsa|ed25519|ecdsa|dsa)(?:[^.\w]|$)",
        r"\.aws[/\\]+credentials|/etc/shadow\b|\.git-credentials|\.gnupg/|\blsass\b|mimikatz",
        r"169\.254\.169\.254|metadata\.google\.internal|\[fd00:ec2::254\]",
        r"/proc/(?:self|\d+|\*|\$\w+)/environ",
        r"(?:Chrome|Chromium|Brave|Edge|Firefox|Safari)[^\n]*(?:Login Data|[/\\'\"]Cookies\b|key4\.db"
        r"|logins\.json|cookies\.sqlite)",
        r"\bsecurity\s+(?:find-(?:generic|internet)-password|dump-keychain)|\bwallet\.dat\b|keystore/UTC--",
    ),
    *_signatures(
        "credential_access",
        "medium",
        "medium",
        r"(?:~|\$HOME|\$\{HOME\}|/root|/home/[\w*]+|home\(\))[^\n]{0,8}[/\\]\.ssh\b",
        r"\.kube/config\b|\.docker/config\.json|(?:^|[/~\"'\s])\.netrc\b|(?:^|[/~\"'\s])\.pgpass\b"
        r"|\.config/gcloud",
        r"/etc/passwd\b",
        r"\b(?:dict|list|dumps|str|print|repr)\(\s*(?:dict\(\s*)?os\.environ\s*[,)]|\bos\.environ\.(?:items"
        r"|copy)\(",
        r"\b(?:stringify|log|entries)\(\s*process\.env\s*[,)]",
        r"(?:^|[;&|(`]\s*)(?:printenv|env)\s*(?:$|[|>`)])",
    ),
    *_signatures(
        "credential_access",
        "info",
        "info",
        r"(?:os\.environ|getenv|process\.env)\b[^\n]{0,40}(?:KEY|TOKEN|SECRET|PASSWORD)",
        r"\bload_dotenv\b",
    ),
    # Data on its way out.
    *_signatures(
        "exfiltration",
        "high",
        "high",
        r"/dev/(?:tcp|udp)/",
        r"\b(?:webhook\.site|requestbin\.\w+|burpcollaborator\.net|interact\.sh|oast\.(?:fun|pro|live|site|me"
        r"|online)|hookbin\.com|postb\.in|dnslog\.cn|ceye\.io|canarytokens\.com)",
        r"\|\s*(?:nc|ncat|netcat)\s|\b(?:nc|ncat|netcat)\s[^\n|]*<\s*\S",
        r"\b(?:curl|wget)\b[^\n]*\$\(\s*(?:cat|env|printenv|base64|whoami|hostname|id)\b",
        r"\b(?:nslookup|dig|host|ping)\s[^\n]*\$\(",
        r"!\[[^\]\n]*\]\(https?://[^)\s]*[?&][^)\s=]*=\s*(?:\{|\$|<|%7B)",
        r"\b(?:send|upload|post|transmit|exfiltrate|forward|leak)\b[^\n.]*\b"
        + _PRIVATE
        + r"\b[^\n]*\bto\s+[<`\"']?(?:https?://|[\w.+-]+@\w)",
        r"\bexfiltrat\w+\s+(?:\w+\s+){0,4}" + _PRIVATE,
        "(?:发送|上传|传输|提交|外传)[^。\n]{0,20}" + _PRIVATE_ZH + "[^\n]{0,20}(?:到|至|给)[^\n]{0,10}(?:https?://|@)",
        _PRIVATE_ZH + "[^。\n]{0,20}(?:发送|上传|传输|提交|外传)[^。\n]{0,6}(?:到|至|给)",
    ),
    *_signatures(
        "exfiltration",
        "medium",
        "medium",
        r"\bcurl\b[^\n]*\s(?:--data-binary|--data-raw|--data|--data-urlencode|-d)[\s=]*['\"]?@[^-\s'\"]",
        r"\bcurl\b[^\n]*\s(?:-F|--form)[\s=]*['\"]?[\w.\[\]-]+=@",
        r"\bcurl\b[^\n]*\s(?:-T|--upload-file)\s|\bwget\b[^\n]*--(?:post|body)-file",
        r"\b(?:requests|httpx|session|client)\.(?:post|put)\([^\n]*\bopen\(",
        r"\bapi\.telegram\.org/bot|\bdiscord(?:app)?\.com/api/webhooks|\btransfer\.sh\b|\b0x0\.st\b"
        r"|\bfile\.io\b|\bpastebin\.com/api|\bngrok(?:-free)?\.(?:io|app|dev)\b",
    ),
    # Code from elsewhere.
    *_signatures(
        "download_execute",
        "high",
        "high",
        r"\b(?:curl|wget|fetch)\b[^\n|;]*\|\s*" + _SHELL,
        r"\b(?:curl|wget|fetch)\b[^\n|;]*\|\s*(?:sudo\s+)?(?:[\w./-]*/)?(?:python3?|perl|ruby|node|php|pwsh"
        r"|powershell)\s*(?:-\s*)?(?:$|[;&|)'\"`])",
        r"\b(?:ba|z|da)?sh\s+(?:-c\s+)?[\"']?(?:<\(|\$\(|`)\s*(?:curl|wget)\b|\b(?:source"
        r"|eval)\s+[\"']?(?:<\(|\$\(|`)\s*(?:curl|wget)\b",
        r"\b(?:iex|Invoke-Expression)\b[^\n]*(?:iwr|irm|Invoke-WebRequest|Invoke-RestMethod|DownloadString)",
        r"(?:\biwr|\birm|Invoke-WebRequest|Invoke-RestMethod|DownloadString)\b[^\n]*\|\s*(?:iex\b"
        r"|Invoke-Expression)",
        r"\b(?:exec|eval)\s*\(\s*(?:compile\s*\(\s*)?(?:requests\.get|urllib\.request\.urlopen|urlopen"
        r"|httpx\.get|\(?\s*await\s)",
        r"\bmshta\s+https?:|\bcertutil\b[^\n]*-urlcache|\bbitsadmin\s+/transfer",
    ),
    *_signatures(
        "download_execute",
        "medium",
        "medium",
        r"\b(?:curl|wget)\b[^\n]*(?:\n[^\n]*){0,5}?\bchmod\s+(?:\S*\+x|[0-7]*[157][0-7]{0,2}\s)",
        r"\bpip3?\s+install\s[^\n]*(?:git\+)?https?://|\b(?:npm|pnpm|yarn)\s+(?:i|install|add)\s[^\n]*https?://",
        r"\b(?:urlretrieve|urlopen|requests\.get|httpx\.get)\b[^\n]*(?:\n[^\n]*){0,4}?\b(?:os\.system"
        r"|os\.exec\w*|exec|eval)\s*\(",
    ),
    # Code that does not want to be read.
    *_signatures(
        "obfuscation",
        "high",
        "high",
        r"\b(?:exec|eval)\s*\(\s*(?:compile\s*\(\s*)?(?:base64\.\w+decode|b64decode|atob|bytes\.fromhex"
        r"|codecs\.decode|zlib\.decompress|marshal\.loads|Buffer\.from|String\.fromCharCode)",
        r"\b(?:base64\s+(?:-d|-D|--decode)|xxd\s+-r|openssl\s+enc\s+-d)[^\n]*\|\s*" + _SHELL,
        r"\bpowershell(?:\.exe)?\b[^\n]*\s-e(?:c|nc|ncodedcommand)?\s+[A-Za-z0-9+/=]{20}",
        r"\bmarshal\.loads\s*\(",
    ),
    *_signatures(
        "obfuscation",
        "medium",
        None,
        r"\b__import__\s*\(\s*['\"](?:os|subprocess|base64|ctypes|pty|socket)['\"]\s*\)",
        r"(?:\\x[0-9a-f]{2}){40}",
        r"\b(?:exec|eval)\s*\(\s*['\"][^'\"\n]{0,20}['\"]\s*\.\s*join",
    ),
    # Staying when the work is done.
    *_signatures(
        "persistence",
        "high",
        "high",
        r">>?\s*[\"']?\S*authorized_keys|CurrentVersion\\+Run\b|/etc/ld\.so\.preload",
    ),
    *_signatures(
        "persistence",
        "medium",
        "medium",
        r"/etc/(?:cron\.\w+|crontab|rc\.local|sudoers)\b|\|\s*crontab\b|\bcrontab\s+(?:-\s*$|[\w./~]+\.\w+|/tmp)",
        r">>?\s*[\"']?" + _HOME + r"/\.(?:bashrc|zshrc|profile|bash_profile|zprofile|bash_login|zshenv)\b",
        r"\bLaunch(?:Agents|Daemons)/|\blaunchctl\s+(?:load|bootstrap)|\bsystemctl\s+(?:--user\s+)?enable\b"
        r"|/etc/systemd/system/\w|\bschtasks\b[^\n]*/create",
        r"(?:>>?\s*\S*|\b(?:write|append|add|save)\s+(?:this|these|the following)\b[^\n]*)\b(?:AGENTS?|SOUL"
        r"|MEMORY|IDENTITY|CLAUDE)\.md\b",
        r">\s*\S*\.git/hooks/",
    ),
    # Loss.
    *_signatures(
        "destructive",
        "high",
        "high",
        r"\brm\s+(?:-[\w-]+\s+)*-\w*r\w*\s+(?:-[\w-]+\s+)*[\"']?(?:/|~|\$HOME|\$\{HOME\}|/(?:etc|usr|var|home"
        r"|root|boot|bin|lib|opt|Users|workspace))/?\*?[\"']?(?:\s|$|[;&|`)])",
        r"--no-preserve-root|\bmkfs(?:\.\w+)?\s[^\n]*/dev/|\bdd\b[^\n]*\bof=/dev/(?:sd|nvme|hd|vd|xvd|disk"
        r"|mmcblk)|>\s*/dev/(?:sd[a-z]|nvme\d)\b",
        r":\(\)\s*\{\s*:\s*\|\s*:\s*&\s*\}\s*;\s*:",
        r"\brmtree\(\s*(?:[\"'](?:/|~|/(?:etc|usr|var|home|root|workspace))/?[\"']|Path\.home\(\)"
        r"|(?:os\.path\.)?expanduser\(\s*[\"']~/?[\"']\s*\))",
        r"\bchmod\s+-R\s+\d*(?:777|000)\s+/(?:\s|$)|\bRemove-Item\b[^\n]*-Recurse[^\n]*(?:C:\\|\$HOME"
        r"|\$env:USERPROFILE)|\bdel\s+(?:/[sfq]\s+)+[a-z]:\\",
    ),
    *_signatures(
        "destructive",
        "medium",
        "medium",
        r"\bfind\s+(?:/|~|\$HOME)\s[^\n]*(?:-delete\b|-exec\s+rm\b)",
        r"\bhistory\s+-c\b|\bunset\s+HISTFILE\b|\bshred\s+-\w*u",
    ),
    *_signatures("destructive", "info", "info", r"\bDROP\s+DATABASE\b|\bgit\s+push\s[^\n]*(?:--force\b|\s-f\b)"),
)

_GATE_WORDS: Final[tuple[tuple[Rule, str], ...]] = (
    (
        "prompt_injection",
        r"ignor|disregard|forget|overrid|overr|bypass|circumvent|hide|conceal|keep|忽略|无视|忘|不要|不用|绕过|不得|禁止|"
        r"切勿|别|瞒着|背着|悄悄|偷偷|暗中|秘密|do not|don'?t|never|must not|without|<\||inst\]|<</?sys|you are|"
        r"system prompt|secret|covert|silent|quiet",
    ),
    (
        "credential_access",
        r"id_|aws|/etc/|\.git-|gnupg|lsass|mimikatz|169\.254|metadata\.google|fd00:|/proc/|login data|cookies|key4|"
        r"logins|keychain|password|wallet|keystore|\.ssh|\.kube|\.docker|netrc|pgpass|gcloud|environ|getenv|"
        r"process\.env|printenv|env\s*(?:$|[|>`)\n])|dotenv",
    ),
    (
        "exfiltration",
        r"/dev/|webhook|requestbin|collaborator|interact|oast|hookbin|postb|dnslog|ceye|canarytoken|nc\s|ncat|netcat|"
        r"curl|wget|nslookup|dig\s|host\s|ping\s|!\[|send|upload|post|transmit|exfiltrat|forward|leak|put\(|telegram|"
        r"discord|transfer\.sh|0x0|file\.io|pastebin|ngrok|发送|上传|传输|提交|外传",
    ),
    (
        "download_execute",
        r"curl|wget|fetch|iex|invoke-|iwr|irm|downloadstring|exec|eval|mshta|certutil|bitsadmin|install|i\s|add\s|"
        r"urlretrieve|urlopen|requests\.get|httpx",
    ),
    ("obfuscation", r"exec|eval|base64|xxd|openssl|powershell|marshal|__import__|\\x[0-9a-f]{2}\\x"),
    (
        "persistence",
        r"authorized_keys|currentversion|/etc/|crontab|rc\b|profile|bash_login|zshenv|launch|systemctl|schtasks|\.md|"
        r"hooks",
    ),
    (
        "destructive",
        r"rm\s|preserve-root|mkfs|/dev/|:\(\)|rmtree|chmod|remove-item|del\s|find\s|history|histfile|shred|drop\s|push",
    ),
)
GATES: Final[dict[Rule, LinearPattern]] = {rule: LinearPattern(words, ignore_case=True) for rule, words in _GATE_WORDS}
"""Words without which no pattern of a rule can match: most of a large file is passed over by one look each."""

BLOB: Final = LinearPattern(r"[A-Za-z0-9+/]{500}")
"""Encoded data of a size that hides a program."""
SENDS: Final = LinearPattern(
    r"\b(?:curl|wget)\s|\b(?:requests|httpx|aiohttp|axios)\.|\burllib\.request\b|\burlopen\(|\bfetch\("
    r"|\bhttp\.client\b|\bsmtplib\b|\bsocket\.(?:socket|create_connection)\(",
    ignore_case=True,
)
"""Code that talks to the network."""
ADDRESS: Final = LinearPattern(r"https?://([A-Za-z0-9.-]+)", ignore_case=True)
CONTACT: Final = LinearPattern(
    r"\b(?:curl|wget|fetch|requests\.\w+|httpx\.\w+|axios|urlopen|Invoke-WebRequest|git\s+clone)\b[^\n]*https?://",
    ignore_case=True,
)
"""A line of prose that has somebody contact an address."""
