// What teaches Node before 24 to read HTTPS_PROXY, from outside of a program: node --import ./proxied.mjs program.mjs
import { EnvHttpProxyAgent, setGlobalDispatcher } from 'undici';

setGlobalDispatcher(new EnvHttpProxyAgent());
