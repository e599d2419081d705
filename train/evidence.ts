/**
 * What a single request gives away to somebody who reads the log afterwards. For labels only: the model never sees
 * these lists, it sees shapes and shares (config/observations.json), so that it need not know a name to find a scanner.
 */
import { isAsset, pathOf } from '../scorer/observations.ts';
import type { Entry } from './entry.ts';

/**
 * Text that nobody but an attacker sends, in a target whose percent escapes are undone. A step up is a whole segment: some
 * sites have pages such as `/blog/december../`.
 */
const ATTACK =
  /(?<![\w.])\.\.[/\\]|\/etc\/(?:passwd|shadow)|win\.ini|boot\.ini|\bunion\b.{0,20}\bselect\b|information_schema|<script|base64_decode|\beval\s?\(|\$\{jndi|cmd\.exe|root\.exe|default\.ida|\/bin\/(?:ba)?sh|(?:wget|curl)[ +]http|php:\/\/|allow_url_include|eval-stdin|\bsleep\(\d|\bor 1=1|\bxp_cmdshell|x90x90|passthru\(|\bsystem\(|w00tw00t|muieblackcat|_vti_bin\/|\/msadc\//;

/** Where secrets, backups and other people's administration pages lie: a probe where there is no such thing. */
const PROBE =
  /\/\.(?:env|git|svn|hg|aws|ssh|ds_store|htpasswd|vscode|docker)|wp-config|php-?my-?admin|\/(?:pma|my-?admin|mysql|sql|db|dbadmin|webdav|sqlite|adminer)\b|manager\/html|\/cgi-bin\/|hnap1|boaform|gponform|\/solr\/|_ignition|\/actuator|setup\.cgi|\/owa\/|\/ecp\/|\/vendor\/|invoker\/|jmx-console|\/console\/|\/admin\/config|phpinfo|\/shell|\/fckeditor|\/timthumb|\/uploadify|\/telescope|\/boot\.ini|\/xmlrpc\.php|wlwmanifest|\/wp-(?:login|admin|content\/plugins)|\/administrator|\/user\/register|\/(?:c|d|admin|ipc)%24|\.(?:sql|bak|old|swp|tar\.gz|tgz|rar|7z)$/;

/** Of these, what no page of any site ever links to, whatever the answer is: some sites answer everything with 200 or 302. */
const NEVER_LINKED =
  /\/\.(?:env|git|svn|hg|aws|ssh|htpasswd)|wp-config|php-?my-?admin|\/(?:pma|mysql|dbadmin|sqlite|adminer)\b|hnap1|boaform|gponform|_ignition|setup\.cgi|jmx-console|phpinfo|\/fckeditor|\/uploadify|wls-wsat|wwwroot|\.(?:sql|bak|swp)$/;

const LOGIN =
  /\/(?:wp-login|xmlrpc|login|signin|sign_in|logon|admin\/index)(?:\.\w+)?\/?$|^\/administrator(?:\/index\.php|\/)?$|\/user\/login/;
const SCANNER =
  /drupalgeddon|nikto|sqlmap|nmap|masscan|zgrab|zmeu|morfeus|dirbuster|dirb\b|gobuster|wpscan|wfuzz|nessus|openvas|acunetix|netsparker|jorgee|scan\b|scanner|w3af|havij|hydra|arachni|whatweb|nuclei|fuzz|ffuf|l9explore|l9tcpid|paros|brutus|webinspect|toata|muieblackcat|blackwidow|internet\s?measurement|expanse|censys|shodan/i;
/** Crawlers, readers and monitors that say what they are, mostly with the address of a page about them. */
const DECLARED =
  /bot\b|bot[/_-]|robot|crawl|spider|slurp|feed|\brss|reader|reeder|caffeinated|monitor|uptime|pingdom|archiver|facebookexternalhit|wordpress\/|preview|validator|checker|\+?https?:\/\/|internal dummy connection/i;
const BROWSER = /^(?:Mozilla\/[345]\.|Opera\/\d)/;
const FEED = /(?:^|[/.=?-])(?:feeds?|rss\d?|atom)(?:[/.&]|$)|\.rdf$|\/index\.xml$/i;
/** What browsers and crawlers ask every site for, whether it is there or not. */
const CUSTOMARY =
  /^\/(?:favicon\.(?:ico|png)|apple-touch-icon[^/]*|robots\.txt|sitemap[^/]*|browserconfig\.xml|(?:app-)?ads\.txt|humans\.txt|crossdomain\.xml|manifest\.json|\.well-known\/.*)$|\.map$|favicon\.ico$/;

/** Percent escapes undone, twice, because attackers escape the escapes; lower case. */
export function plain(target: string): string {
  const once = (text: string): string =>
    text.includes('%')
      ? text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
      : text;
  return once(once(target)).replaceAll('+', ' ').toLowerCase();
}

export interface Evidence {
  path: string;
  asset: boolean;
  attack: boolean;
  probe: boolean;
  neverLinked: boolean;
  login: boolean;
  customary: boolean;
  feed: boolean;
}

const known = new Map<string, Evidence>();

/** @returns what a request's target shows; remembered, because logs repeat themselves */
export function evidenceOf(target: string): Evidence {
  let found = known.get(target);
  if (found !== undefined) return found;
  const path = pathOf(target);
  const text = plain(target);
  const low = path.toLowerCase();
  found = {
    path,
    asset: isAsset(path),
    attack: ATTACK.test(text),
    probe: PROBE.test(low),
    neverLinked: NEVER_LINKED.test(low),
    login: LOGIN.test(low),
    customary: CUSTOMARY.test(low),
    feed: FEED.test(target),
  };
  if (known.size > 200_000) known.clear();
  known.set(target, found);
  return found;
}

export interface AgentEvidence {
  scanner: boolean;
  declared: boolean;
  browser: boolean;
}
const agents = new Map<string, AgentEvidence>();

export function agentOf(userAgent: string): AgentEvidence {
  let found = agents.get(userAgent);
  if (found !== undefined) return found;
  found = {
    scanner: SCANNER.test(userAgent),
    declared: DECLARED.test(userAgent),
    browser: BROWSER.test(userAgent),
  };
  if (agents.size > 50_000) agents.clear();
  agents.set(userAgent, found);
  return found;
}

/** The path of a referer; '' if it has none. */
export function refererPath({ referer }: Entry): string {
  return referer === '' ? '' : pathOf(referer);
}
